// The Flask example, used by people at real browsers. APP_URL, GATEWAY_URL and SERVER_URL say what runs where, SHOTS where
// pictures go.
import assert from "node:assert/strict";
import { after, before, beforeEach, afterEach, test } from "node:test";
import { launch } from "../browser/launch.mjs";
import { Visitor } from "../browser/visitor.mjs";

const { APP_URL, GATEWAY_URL, SERVER_URL, SHOTS } = process.env;
const PASSWORDS = { alice: "wonderland", bob: "builder" };
const NOTHING = "Nothing is connected yet.";
let browser, people;

before(async () => (browser = await launch()));
after(() => browser.close());
beforeEach(() => (people = []));
afterEach(async () => {
  for (const person of people) {
    const left = (await person.connections()) ?? [];
    for (const { user_id } of left) await person.asks("DELETE", `connections/${user_id}`);
    await person.visitor.leave();
    // The console shows every answer that is no success; which there may be, a test says itself.
    const problems = person.visitor.problems.filter((problem) => !problem.includes(`status of ${person.refusal}`));
    assert.deepEqual([problems, left], [[], []]);
  }
});

/** Somebody with a browser of their own, logged in, at the page. */
class Person {
  static async arrive(name) {
    const person = new Person();
    const origins = [APP_URL, GATEWAY_URL, SERVER_URL];
    person.visitor = await Visitor.arrive(browser, { locale: "en-GB", java_script: true, origins, shots: SHOTS });
    person.page = person.visitor.page;
    people.push(person);
    await person.visitor.open(APP_URL);
    assert.match(person.page.url(), /\/login/);
    await person.page.getByLabel("Name").fill(name);
    await person.page.getByLabel("Password").fill(PASSWORDS[name]);
    await person.visitor.click("Log in");
    await person.page.getByRole("button", { name: "Connect Fitbit", exact: true }).waitFor();
    await person.page.getByText(NOTHING).waitFor();
    return person;
  }

  /** Clicks a button of the page that opens the widget; answers who looks at the window. */
  async opens(name) {
    const [popup] = await Promise.all([
      this.page.waitForEvent("popup"),
      this.page.getByRole("button", { name, exact: true }).click(),
    ]);
    const visitor = Object.assign(new Visitor(), { ...this.visitor, page: popup, pages: [] });
    visitor.watch();
    await popup.getByRole("button", { name: "Continue" }).waitFor();
    return visitor;
  }

  async connects(name) {
    const window = await this.opens(`Connect ${name}`);
    await window.click("Continue");
    await leaves(window, "Approve");
    await this.reads(`${name} is connected.`);
  }

  async disconnects(name) {
    this.page.once("dialog", (dialog) => dialog.accept());
    await this.page.getByRole("button", { name: `Disconnect ${name}`, exact: true }).click();
    await this.reads(`${name} is disconnected.`);
  }

  async reads(text) {
    await this.page.getByRole("status").getByText(text).waitFor();
  }

  list() {
    return this.page.locator("#connections").innerText();
  }

  async looks(name) {
    await this.visitor.judge();
    await this.visitor.shoot(name);
  }

  /** Calls the gateway from the page, as any script there could. */
  asks(method, path, body) {
    return this.page.evaluate(async ([url, method, body]) => {
      const headers = body ? { "content-type": "application/json" } : {};
      const answer = await fetch(url, { method, headers, body: JSON.stringify(body), credentials: "include" });
      return { status: answer.status, body: await answer.json() };
    }, [`${GATEWAY_URL}/api/terra/${path}`, method, body]);
  }

  async connections(query = "") {
    const { body } = await this.asks("GET", `connections${query}`);
    return body.connections;
  }
}

/** Clicks what makes the window end. */
function leaves({ page }, name) {
  return Promise.all([page.waitForEvent("close"), page.getByRole("button", { name, exact: true }).click()]);
}

test("a wearable is connected, shown and disconnected", async () => {
  const alice = await Person.arrive("alice");
  await alice.looks("nothing-connected");
  await alice.connects("Fitbit");
  assert.match(await alice.list(), /^Fitbit\nsince .+\nConnected\nDisconnect\s+Fitbit$/);
  await alice.connects("Oura");
  await alice.looks("connected");
  const [fitbit, oura] = await alice.connections();
  assert.deepEqual([fitbit.provider, fitbit.state, oura.provider], ["FITBIT", "active", "OURA"]);
  await alice.disconnects("Oura");
  assert.equal(await alice.page.evaluate(() => document.activeElement.tagName), "H1");
  await alice.disconnects("Fitbit");
  assert.deepEqual([await alice.list(), await alice.connections()], [NOTHING, []]);
});

test("a mobile token comes with the session's cookie alone", async () => {
  const alice = await Person.arrive("alice");
  const { status, body } = await alice.asks("POST", "mobile-token");
  assert.deepEqual([status, Object.keys(body)], [200, ["token", "reference_id", "expires_in", "expires_at"]]);
  assert.equal(body.reference_id, "user_1");
});

test("two users neither see nor remove each other's connections", async () => {
  const [alice, bob] = [await Person.arrive("alice"), await Person.arrive("bob")];
  await alice.connects("Fitbit");
  const [fitbit] = await alice.connections();
  assert.deepEqual(await bob.connections(), []);
  bob.refusal = 404;
  for (const user_id of [fitbit.user_id, fitbit.id, "no-such-user"]) {
    const { status, body } = await bob.asks("DELETE", `connections/${user_id}`);
    assert.deepEqual([status, body.detail], [404, "you have no such connection"]);
  }
  await bob.connects("Oura");
  assert.deepEqual((await alice.connections()).map(({ provider }) => provider), ["FITBIT"]);
  assert.deepEqual((await bob.connections()).map(({ provider }) => provider), ["OURA"]);
  await alice.disconnects("Fitbit");
  await bob.disconnects("Oura");
});

test("nobody becomes somebody else by saying so", async () => {
  const [alice, bob] = [await Person.arrive("alice"), await Person.arrive("bob")];
  await alice.connects("Fitbit");
  const forged = { reference_id: "user_1", referenceId: "user_1", user_id: "user_1" };
  const query = `?${new URLSearchParams(forged)}`;
  const { body: token } = await bob.asks("POST", `mobile-token${query}`, forged);
  assert.equal(token.reference_id, "user_2");
  assert.deepEqual(await bob.connections(query), []);

  const { body: session } = await bob.asks("POST", `widget-session${query}`, { ...forged, providers: ["OURA"] });
  await bob.visitor.open(session.url);
  await bob.visitor.click("Continue");
  await bob.visitor.click("Approve");
  assert.match(bob.page.url(), /\/done\?.*reference_id=user_2&/);
  await bob.visitor.open(APP_URL);
  await bob.page.getByRole("button", { name: "Disconnect Oura", exact: true }).waitFor();
  assert.deepEqual((await alice.connections()).map(({ provider }) => provider), ["FITBIT"]);
  await alice.disconnects("Fitbit");
  await bob.disconnects("Oura");
});

test("who cancels at the widget, or refuses at the provider, is told so", async () => {
  const alice = await Person.arrive("alice");
  const refused = await alice.opens("Connect Fitbit");
  await refused.click("Continue");
  await leaves(refused, "Deny");
  await alice.reads("Nothing was connected: you did not allow access. To connect, try again and allow it.");
  await alice.looks("refused");

  const ended = alice.page.evaluate(async (gateway) => {
    const { createTerra } = await import(`${gateway}/terra.js`);
    return createTerra().connect({ providers: ["FITBIT", "OURA"] }).catch(({ name, code }) => ({ name, code }));
  }, GATEWAY_URL);
  const popup = await alice.page.waitForEvent("popup");
  await popup.getByText("Cancel", { exact: true }).click();
  assert.deepEqual(await ended, { name: "TerraError", code: "cancelled" });
});

test("a session that has ended leads to the login", async () => {
  const alice = await Person.arrive("alice");
  alice.refusal = 401;
  await alice.visitor.context.clearCookies();
  const login = alice.page.waitForURL(/\/login/);
  await alice.page.getByRole("button", { name: "Connect Oura", exact: true }).click();
  await login;
});

test("an event that the gateway did not sign is refused", async () => {
  const { status } = await fetch(`${APP_URL}/hooks/terra`, {
    method: "POST",
    headers: { "terra-signature": "t=1893456000,v1=00", "x-terra-trace-id": "forged" },
    body: '{"type":"deauth"}',
  });
  assert.equal(status, 401);
});
