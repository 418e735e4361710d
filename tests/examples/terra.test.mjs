// terra.js in a real browser, under a strict policy, with a gateway that says what each test wants. Its clock is the test's.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import { launch } from "../browser/launch.mjs";

const FITBIT = { id: "c1", user_id: "u1", provider: "FITBIT", state: "active", connected_at: null, scopes: null };
const OURA = { ...FITBIT, id: "c2", user_id: "u2", provider: "OURA" };
const POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; base-uri 'none'";
const PAGE = "<!doctype html><html lang=en><title>Acme</title><script type=module src=/page.js></script><button>Connect";
const FILES = {
  "/": ["text/html", PAGE],
  "/widget": ["text/html", "<!doctype html><html lang=en><title>Widget</title>"],
  "/terra.js": ["text/javascript", readFileSync(new URL("../../crates/gateway/src/script/terra.js", import.meta.url))],
  "/page.js": ["text/javascript", `
    const real = window.fetch;
    window.asked = [];
    window.fetch = (url, options) => {
      if (url.endsWith("/connections")) window.asked.push(Date.now());
      const answer = real(url, options);
      window.running = answer.then((answer) => answer.clone().text()).catch(() => {});
      return answer;
    };
    import { createTerra } from "/terra.js";
    window.terra = createTerra();
    window.createTerra = createTerra;
    window.start = (promise) => {
      window.ended = undefined;
      promise.then((value) => ({ value }), ({ name, code, detail, status, retryAfter }) => ({ name, code, detail, status, retryAfter }))
        .then((ended) => (window.ended = ended));
    };
    document.querySelector("button").onclick = () => start(terra.connect(window.options));
    if (location.search === "?at-once") start(terra.connect());
  `],
};
const MOST_STEPS = 400;
const STEP_MS = 250;
/** When the clock stops; longer than a page takes to load. */
const START_MS = 3_600_000;
let browser, server, origin;

before(async () => {
  // Playwright would let every page open windows.
  browser = await launch({ ignoreDefaultArgs: ["--disable-popup-blocking"] });
  server = createServer(({ url }, response) => {
    const [type, body] = FILES[url.split("?")[0]] ?? ["text/plain", ""];
    response.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${server.address().port}`;
});

after(async () => {
  await browser.close();
  server.close();
});

/** A page, and the gateway behind it: `answers` says what is known, by how many times it was asked before. */
async function visit(answers = () => ({}), { path = "/", refuse = {} } = {}) {
  const context = await browser.newContext();
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const gateway = { times: 0, refreshes: 0, requests: [] };
  const problems = [];
  page.on("console", (message) => message.text().startsWith("Failed to load resource") || problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  await page.clock.install({ time: 0 });
  await context.route(`${origin}/api/terra/**`, async (route) => {
    const request = route.request();
    const { pathname, search } = new URL(request.url());
    const what = pathname.replace("/api/terra/", "");
    gateway.refreshes += search === "?refresh=1";
    gateway.requests.push({ method: request.method(), what, body: request.postDataJSON(), headers: request.headers() });
    const known = what === "connections" && answers(gateway.times++, search === "?refresh=1");
    const { status = 200, headers = {}, ...body } = refuse[what] ?? { ...RESULTS[what], ...known };
    await route.fulfill({ status, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
  });
  await page.goto(origin + path);
  await page.waitForFunction(() => window.terra);
  await page.clock.pauseAt(START_MS);
  return { context, page, gateway, problems };
}

const RESULTS = {
  connections: { connections: [], last_failure: null },
  "connections/a%2Fb": { status: 200 },
  integrations: { integrations: [{ name: "Fitbit", resource: "FITBIT", logo_url: "/api/terra/logos/FITBIT" }, { name: "Oura", resource: "OURA", logo_url: null }] },
  "mobile-token": { token: "t", reference_id: "user_1", expires_in: 180, expires_at: "2030-01-01T00:03:00Z" },
  get "widget-session"() {
    return { url: `${origin}/widget`, session_id: "s", expires_at: "2030-01-01T00:15:00Z" };
  },
};

/** Clicks, and answers the window that opens. */
async function click({ page }, options = {}) {
  await page.evaluate((options) => (window.options = options), options);
  const [popup] = await Promise.all([page.waitForEvent("popup"), page.click("button")]);
  await popup.waitForURL(`${origin}/widget`);
  return popup;
}

/** Lets time pass until what was started has ended; answers how, and when. */
async function end({ page, context, problems }) {
  for (let step = 0; step < MOST_STEPS; step += 1) {
    const ended = await page.evaluate((start) => window.ended && { ...window.ended, at: Date.now() - start, asked: window.asked }, START_MS);
    if (ended) {
      await closed(context.pages().filter((other) => other !== page));
      await context.close();
      assert.deepEqual(problems, []);
      return ended;
    }
    await pass(page);
  }
  throw new Error(`nothing ended in ${MOST_STEPS * STEP_MS} ms`);
}

/** All windows are closed, or will be in a moment. */
function closed(windows) {
  return Promise.all(windows.map((one) => one.isClosed() || one.waitForEvent("close")));
}

/** Time stands still while the gateway is asked. The clock is that of all windows, and one may be closed meanwhile. */
async function pass(page) {
  await page.evaluate(() => window.running);
  await page.clock.runFor(STEP_MS).catch((error) => assert.match(error.message, /has been closed/));
}

test("a window leads to the widget and is closed when the connection is there", async () => {
  const at = await visit((times) => (times > 3 ? { connections: [OURA, FITBIT] } : { connections: [OURA] }));
  const popup = await click(at, { providers: ["FITBIT"], language: "de", successUrl: `${origin}/back` });
  assert.equal(await popup.evaluate(() => window.opener), null);
  const { value } = await end(at);
  assert.deepEqual(value, FITBIT);
  const session = at.gateway.requests.find(({ what }) => what === "widget-session");
  const landing_url = `${origin}/api/terra/done`;
  const expected = { providers: ["FITBIT"], language: "de", auth_success_redirect_url: `${origin}/back`, landing_url };
  assert.deepEqual(session.body, expected);
});

test("a window that nobody clicked for is blocked, and the gateway is not asked", async () => {
  const at = await visit(undefined, { path: "/?at-once" });
  const { name, code } = await end(at);
  assert.deepEqual([name, code, at.gateway.requests.length], ["TerraError", "popup_blocked", 0]);
});

for (const [reason, code] of [["user_cancelled", "cancelled"], ["access_denied", "failed"], [null, "failed"]]) {
  test(`a login that ended with ${reason} is ${code}`, async () => {
    const at = await visit((times) => (times > 1 ? { last_failure: { reason, at: "2030-01-01T00:00:00Z" } } : {}));
    await click(at);
    const ended = await end(at);
    assert.equal(ended.code, code);
    if (code === "failed") assert.equal(ended.detail, reason ?? "The provider gave no reason.");
  });
}

test("what was there before does not count, and everything has an end", async () => {
  const at = await visit(() => ({ connections: [FITBIT], last_failure: { reason: "access_denied", at: "2029-01-01T00:00:00Z" } }));
  await click(at, { timeoutMs: 20_000 });
  const ended = await end(at);
  assert.equal(ended.code, "timeout");
  assert.ok(ended.at >= 20_000 && ended.at < 25_000, `at ${ended.at}`);
});

test("a connection that is no longer active is new once it is active again", async () => {
  const at = await visit((times) => ({ connections: [{ ...FITBIT, state: times > 2 ? "active" : "revoked" }] }));
  await click(at);
  assert.deepEqual((await end(at)).value, FITBIT);
});

test("it asks after a second, then less and less often, but every five seconds", async () => {
  const at = await visit();
  await click(at, { timeoutMs: 40_000 });
  const asked = (await end(at)).asked.slice(1, -1); // the first is before the window, the last one at the end
  const pauses = asked.slice(1).map((time, index) => time - asked[index]);
  const seconds = [1, 1.5, 2.25, 3.375, 5, 5, 5, 5, 5, 5];
  assert.equal(pauses.length, seconds.length, String(pauses));
  pauses.forEach((pause, index) => assert.ok(Math.abs(pause - seconds[index] * 1_000) <= STEP_MS, String(pauses)));
});

test("it asks at once when somebody comes back to the page", async () => {
  const at = await visit((times) => (times > 1 ? { connections: [FITBIT] } : {}));
  await click(at);
  await at.page.waitForFunction(() => window.asked.length === 2);
  await at.page.evaluate(() => window.running);
  await at.page.evaluate(() => window.dispatchEvent(new Event("focus")));
  await at.page.waitForFunction(() => window.ended);
  assert.equal((await end(at)).at, 0);
});

test("a window that is closed counts as given up after ten seconds", async () => {
  const at = await visit();
  const popup = await click(at);
  await popup.close();
  const ended = await end(at);
  assert.equal(ended.code, "cancelled");
  assert.ok(ended.at >= 10_000 && ended.at < 17_000, `at ${ended.at}`);
  assert.equal(at.gateway.refreshes, 1);
});

test("a connection whose event was lost is asked for before the user counts as one who gave up", async () => {
  const at = await visit((_, refresh) => (refresh ? { connections: [FITBIT] } : {}));
  const popup = await click(at);
  await popup.close();
  const ended = await end(at);
  assert.deepEqual(ended.value, FITBIT);
  assert.ok(ended.at >= 3_000 && ended.at < 10_000, `at ${ended.at}`);
});

test("news that come after the window was closed are taken", async () => {
  const at = await visit((times) => (times > 4 ? { connections: [FITBIT] } : {}));
  const popup = await click(at);
  await popup.close();
  assert.deepEqual((await end(at)).value, FITBIT);
});

test("a page that isolates itself only looks closed, so its window is waited for while it has the focus", async () => {
  const at = await visit((times) => (times > 8 ? { connections: [FITBIT] } : {}));
  await at.page.evaluate(() => (document.hasFocus = () => false));
  const popup = await click(at);
  await popup.close();
  const ended = await end(at);
  assert.deepEqual(ended.value, FITBIT);
  assert.ok(ended.at > 15_000, `at ${ended.at}`);
});

test("nobody logged in is said at once", async () => {
  const refused = { status: 401, code: "not_logged_in", detail: "no user is logged in" };
  const at = await visit(() => refused);
  await at.page.click("button");
  const { code, status, detail } = await end(at);
  assert.deepEqual({ code, status, detail }, refused);
});

test("a login that ends meanwhile ends the wait", async () => {
  const at = await visit((times) => (times > 2 ? { status: 401 } : {}));
  await click(at);
  assert.equal((await end(at)).code, "not_logged_in");
});

test("a gateway that wants to be left alone is, for as long as it says", async () => {
  const at = await visit((times) => ({ 2: { status: 429, headers: { "retry-after": "17" } }, 3: { connections: [FITBIT] } })[times] ?? {});
  await click(at);
  for (let step = 0; step < MOST_STEPS && at.gateway.times < 3; step += 1) await pass(at.page);
  await at.page.evaluate(() => window.running);
  await at.page.evaluate(() => window.dispatchEvent(new Event("focus")));
  const { value, asked } = await end(at);
  assert.deepEqual(value, FITBIT);
  const [, , refused, again] = asked;
  assert.ok(again - refused >= 17_000, `${again} after ${refused}`);
});

test("a gateway that fails for a moment is asked again", async () => {
  const at = await visit((times) => ({ 1: { status: 503 }, 2: { status: 502 }, 3: { connections: [FITBIT] } })[times] ?? {});
  await click(at);
  assert.deepEqual((await end(at)).value, FITBIT);
});

test("a session that is asked for too often says when to try again", async () => {
  const refuse = { "widget-session": { status: 429, headers: { "retry-after": "7" }, code: "too_many_requests", detail: "slow down" } };
  const at = await visit(undefined, { refuse });
  await at.page.click("button");
  const { code, detail, status, retryAfter } = await end(at);
  assert.deepEqual({ code, detail, status, retryAfter }, { code: "rate_limited", detail: "slow down", status: 429, retryAfter: 7 });
});

test("the gateway's own codes are passed on", async () => {
  const at = await visit(undefined, { refuse: { "widget-session": { status: 403, code: "user_limit", detail: "full" } } });
  await at.page.click("button");
  assert.equal((await end(at)).code, "user_limit");
});

test("an abort ends the wait and closes the window", async () => {
  const at = await visit();
  await at.page.evaluate(() => {
    window.aborter = new AbortController();
    document.querySelector("button").onclick = () => start(terra.connect({ signal: aborter.signal }));
  });
  await click(at);
  await at.page.evaluate(() => aborter.abort());
  assert.equal((await end(at)).name, "AbortError");
});

test("a redirect leaves the page, and what is new is known where the user comes back", async () => {
  const at = await visit((times) => ({ connections: times > 0 ? [OURA, FITBIT] : [OURA] }));
  await at.page.evaluate(() => void start(terra.connect({ mode: "redirect" })));
  await at.page.waitForURL(`${origin}/widget`);
  await at.page.goto(origin);
  await at.page.waitForFunction(() => window.terra);
  await at.page.evaluate(() => start(terra.waitForConnection()));
  assert.deepEqual((await end(at)).value, FITBIT);
});

test("who waits without an earlier answer waits for what is new from now on", async () => {
  const at = await visit((times) => ({ connections: times > 2 ? [OURA, FITBIT] : [OURA] }));
  await at.page.evaluate(() => start(terra.waitForConnection()));
  assert.deepEqual((await end(at)).value, FITBIT);
});

test("a gateway that is not there is unreachable", async () => {
  const at = await visit();
  await at.context.route(`${origin}/api/terra/integrations`, (route) => route.abort());
  await at.page.evaluate(() => start(terra.integrations()));
  const { code, status } = await end(at);
  assert.deepEqual([code, status], ["unreachable", undefined]);
});

test("an app's own token goes along, asked for before each call", async () => {
  const at = await visit();
  await at.page.evaluate(async () => {
    let calls = 0;
    const own = createTerra({ gateway: location.origin, credentials: "omit", token: async () => `token-${(calls += 1)}` });
    await own.connections();
    start(own.mobileToken());
  });
  assert.equal((await end(at)).value.reference_id, "user_1");
  assert.deepEqual(at.gateway.requests.map(({ headers }) => headers.authorization), ["Bearer token-1", "Bearer token-2"]);
});

test("logos have whole addresses, and an id is one part of a path", async () => {
  const at = await visit();
  const logos = await at.page.evaluate(async () => (await terra.integrations()).map(({ logo_url }) => logo_url));
  assert.deepEqual(logos, [`${origin}/api/terra/logos/FITBIT`, null]);
  await at.page.evaluate(() => start(terra.disconnect("a/b")));
  assert.equal("code" in (await end(at)), false);
  const { method, what } = at.gateway.requests.at(-1);
  assert.deepEqual([method, what], ["DELETE", "connections/a%2Fb"]);
});
