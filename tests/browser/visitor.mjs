// A person at a browser of their own, who looks closely at every page: is it accessible, does it fit a narrow screen, does
// it ask for anything from elsewhere? What is wrong goes to `problems`, what was met to `pages`.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const AXE = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
const AXE_OPTIONS = {
  runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  resultTypes: ["violations"],
  preload: false,
};
const PHONE = { width: 390, height: 844 };
const NARROW = { width: 320, height: 640 };
const DESKTOP = { width: 1280, height: 900 };
const SCHEMES = ["light", "dark"];
const PATIENCE_MS = 15_000;
const MOST_TABS = 60;

/** Digests of the pages that axe has seen: the same markup in the same styles is not judged again. */
const judged = new Set();

export class Visitor {
  pages = [];
  problems = [];

  static async arrive(browser, { locale, java_script: javaScriptEnabled, origins, shots }) {
    // Without motion there are no colours between two schemes.
    const look = { viewport: PHONE, colorScheme: SCHEMES[0], reducedMotion: "reduce" };
    const context = await browser.newContext({ locale, javaScriptEnabled, ...look });
    context.setDefaultTimeout(PATIENCE_MS);
    const visitor = new Visitor();
    Object.assign(visitor, { context, page: await context.newPage(), origins, shots, javaScriptEnabled });
    visitor.watch();
    return visitor;
  }

  leave() {
    return this.context.close();
  }

  open(url) {
    return this.onward(() => this.page.goto(url));
  }

  reload() {
    return this.onward(() => this.page.reload());
  }

  back() {
    return this.onward(() => this.page.goBack());
  }

  click(name) {
    const [link, button] = ["link", "button"].map((role) => this.page.getByRole(role, { name, exact: true }));
    return this.onward(() => link.or(button).click());
  }

  untick(value) {
    return this.page.locator(`input[value="${value}"]`).uncheck();
  }

  /** What the sandbox's consent page offers to developers. */
  async make_trouble(label) {
    const part = this.page.locator("details.trouble");
    if (!(await part.evaluate((details) => details.open))) await part.locator("summary").click();
    await part.locator("select").selectOption({ label });
  }

  /** Presses Tab until the focus is on what has this name, and looks whether the focus can be seen. */
  async tab_to(name) {
    for (let tabs = 0; tabs < MOST_TABS; tabs += 1) {
      await this.page.keyboard.press("Tab");
      const [found, visible] = await this.page.evaluate(focus);
      if (found && !visible) this.problems.push(`${this.page.url()}: nobody sees that the focus is on ${found}`);
      if (found === name) return;
    }
    throw new Error(`${MOST_TABS} times Tab do not lead there`);
  }

  type(text) {
    return this.page.keyboard.type(text);
  }

  enter() {
    return this.onward(() => this.page.keyboard.press("Enter"));
  }

  /** The app's clock is the server's. */
  async later(url) {
    await fetch(url, { method: "POST" });
  }

  async shoot(name) {
    for (const [size, viewport] of Object.entries({ phone: PHONE, desktop: DESKTOP })) {
      for (const colorScheme of SCHEMES) {
        await this.show(viewport, colorScheme);
        await this.page.screenshot({ path: `${this.shots}/${name}-${size}-${colorScheme}.png`, fullPage: true });
      }
    }
    await this.show(PHONE, SCHEMES[0]);
  }

  /** Does what leads to another page, and looks at it. */
  async onward(act) {
    await Promise.all([this.page.waitForEvent("load"), act()]);
    const seen = await this.page.evaluate(describe);
    this.pages.push({ url: this.page.url(), status: this.status, ...seen, cookies: await this.context.cookies() });
    if (this.javaScriptEnabled) await this.judge();
  }

  async judge() {
    const markup = await this.page.content();
    const digest = createHash("sha256").update(markup.replace(/[\w-]{32,}/g, "")).digest("hex");
    if (judged.has(digest)) return;
    judged.add(digest);
    for (const viewport of [NARROW, PHONE]) {
      for (const colorScheme of SCHEMES) {
        await this.show(viewport, colorScheme);
        const where = `${this.page.url()} (${viewport.width} px, ${colorScheme})`;
        const width = await this.page.evaluate(() => document.documentElement.scrollWidth);
        if (width > viewport.width) this.problems.push(`${where}: is ${width} px wide`);
        this.problems.push(...(await this.axe()).map((problem) => `${where}: ${problem}`));
      }
    }
    await this.show(PHONE, SCHEMES[0]);
  }

  async axe() {
    if (await this.page.evaluate(() => !("axe" in window))) await this.page.evaluate(AXE);
    const { violations } = await this.page.evaluate((options) => axe.run(options), AXE_OPTIONS);
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(" and ")}`);
  }

  async show(viewport, colorScheme) {
    await this.page.emulateMedia({ colorScheme });
    await this.page.setViewportSize(viewport);
  }

  watch() {
    const { page } = this;
    const documents = new Set();
    page.on("request", (request) => {
      const { origin } = new URL(request.url());
      if (!this.origins.includes(origin)) this.problems.push(`${page.url()} asked ${request.url()}`);
      if (request.isNavigationRequest()) documents.add(request.url());
    });
    page.on("response", (response) => {
      if (response.request().isNavigationRequest()) this.status = response.status();
    });
    page.on("pageerror", (error) => this.problems.push(`${page.url()}: ${error}`));
    page.on("console", (message) => {
      // Chromium reports a page that says what failed, with its 4xx or 5xx, as a failure to load it.
      const ofDocument = message.text().startsWith("Failed to load resource") && documents.has(message.location().url);
      if (["error", "warning"].includes(message.type()) && !ofDocument) this.problems.push(`${page.url()}: ${message.text()}`);
    });
  }
}

// The rest runs in the page.

function describe() {
  const heading = document.querySelector("h1")?.textContent ?? "";
  return { lang: document.documentElement.lang, title: document.title, heading, text: document.body.innerText };
}

function focus() {
  const element = document.activeElement;
  if (element === document.body) return ["", true];
  const name = element.getAttribute("aria-label") ?? element.labels?.[0]?.innerText ?? element.innerText;
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  return [name.trim(), outlineStyle !== "none" && parseFloat(outlineWidth) >= 2];
}
