// The window that connect() opens from a page of another origin, in a real browser: it closes itself, however the login ends.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch } from "../browser/launch.mjs";

const { GATEWAY, PAGE } = process.env;
const [host, port] = PAGE.split(":");
const HTML = `<!doctype html><html lang=en><title>Acme</title><button>Connect</button><script type=module>
  import { createTerra } from "${GATEWAY}/terra.js";
  const terra = createTerra();
  document.querySelector("button").onclick = () => terra.connect({ providers: ["FITBIT"] })
    .then(({ provider }) => (window.ended = provider), ({ code }) => (window.ended = code));
</script>`;
let browser, server;

before(async () => {
  browser = await launch({ ignoreDefaultArgs: ["--disable-popup-blocking"] });
  server = createServer((_, response) => response.writeHead(200, { "content-type": "text/html" }).end(HTML));
  await new Promise((resolve) => server.listen(port, host, resolve));
});

after(async () => {
  await browser.close();
  server.close();
});

for (const [button, expected] of [["Approve", "FITBIT"], ["Deny", "failed"]]) {
  test(`a window in which the user presses ${button} closes itself`, async () => {
    const context = await browser.newContext();
    context.setDefaultTimeout(20_000);
    await context.addCookies([{ name: "user", value: button.toLowerCase(), url: `http://${PAGE}` }]);
    const page = await context.newPage();
    await page.goto(`http://${PAGE}/`);
    const [popup] = await Promise.all([page.waitForEvent("popup"), page.click("button")]);
    const last = [];
    popup.on("framenavigated", (frame) => last.push(new URL(frame.url()).pathname));
    await popup.getByRole("button", { name: "Continue" }).click();
    const closes = popup.waitForEvent("close");
    await popup.getByRole("button", { name: button, exact: true }).click();
    await closes;
    assert.equal(last.at(-1), "/api/terra/done");
    await page.waitForFunction(() => window.ended);
    assert.equal(await page.evaluate(() => window.ended), expected);
    await context.close();
  });
}
