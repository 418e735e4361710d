// The page's own part; what talks to the gateway is terra.js, which the gateway serves.
const { gateway } = document.documentElement.dataset;
const { createTerra } = await import(`${gateway}/terra.js`);
const terra = createTerra();
const STATES = { active: "Connected", failing: "Having trouble", revoked: "Access withdrawn" };
const ON_A_PHONE = ["APPLE", "SAMSUNG", "HEALTH_CONNECT"]; // the app there connects them, with a mobile token
const page = (id) => document.getElementById(id);
let integrations = [];
let connecting = new AbortController();

await attempt("Loading …", async () => {
  integrations = await terra.integrations();
  page("integrations").replaceChildren(Integrations());
  await refresh();
});
document.addEventListener("visibilitychange", () => document.hidden || refresh().catch(report));

function Connections({ connections }) {
  if (!connections.length) return h("p", { className: "empty" }, "Nothing is connected yet.");
  return h("ul", { className: "list" }, ...connections.map(Connection));
}

function Connection({ user_id, provider, state, connected_at }) {
  const { name, logo_url } = integrations.find(({ resource }) => resource === provider) ?? { name: provider };
  const since = connected_at ? `since ${new Date(connected_at).toLocaleDateString()}` : "";
  return h("li", { className: "card row connection" },
    Logo({ name, logo_url }),
    h("span", { className: "what" }, h("strong", {}, name), h("small", {}, since)),
    h("span", { className: "row end" },
      h("span", { className: `state ${state}` }, STATES[state] ?? state),
      h("button", { className: "quiet", onclick: () => disconnect(user_id, name) }, "Disconnect ", Hidden(name))));
}

function Integrations() {
  const here = integrations.filter(({ resource }) => !ON_A_PHONE.includes(resource));
  return h("ul", { className: "grid" }, ...here.map(({ name, resource, logo_url }) =>
    h("li", {}, h("button", { className: "card tile", onclick: () => connect(resource, name) },
      Logo({ name, logo_url }), Hidden("Connect "), name))));
}

function Logo({ name, logo_url }) {
  if (!logo_url) return h("span", { className: "logo", ariaHidden: "true" }, name[0]);
  return h("img", { className: "logo", src: logo_url, alt: "", width: 40, height: 40 });
}

function Hidden(text) {
  return h("span", { className: "hidden" }, text);
}

function connect(resource, name) {
  connecting.abort();
  connecting = new AbortController();
  const connected = terra.connect({ providers: [resource], signal: connecting.signal });
  return attempt(`Connect ${name} in the window that has opened.`, async () => {
    await connected;
    await refresh();
    return `${name} is connected.`;
  });
}

function disconnect(userId, name) {
  if (!confirm(`Disconnect ${name}?`)) return;
  return attempt(`Disconnecting ${name} …`, async () => {
    await terra.disconnect(userId);
    await refresh();
    document.querySelector("h1").focus(); // the button is gone
    return `${name} is disconnected.`;
  });
}

async function refresh() {
  page("connections").replaceChildren(Connections(await terra.connections()));
}

/** Does something that takes a while, and says how it ended. */
function attempt(what, act) {
  say(what);
  return act().then((end = "") => say(end), report);
}

function report(error) {
  if (error.code === "not_logged_in") location.assign("/login");
  else if (error.name !== "AbortError") say(explain(error), true);
}

/** What a user reads about a login that failed, by its reason. */
const NOT_CONNECTED = {
  access_denied: "Nothing was connected: you did not allow access. To connect, try again and allow it.",
  missing_scopes: "Nothing was connected: we need all the permissions that we ask for. Please try again.",
  session_expired: "Nothing was connected: the link has expired. Please start again.",
  user_limit_reached: "Nothing was connected: we cannot take more connections at the moment. Please try again later.",
};

function explain({ code, message, detail = message, retryAfter }) {
  if (code === "cancelled") return "Nothing was connected: the window was closed, or you cancelled.";
  if (code === "failed") return NOT_CONNECTED[detail] ?? "Nothing was connected. Please try again in a few minutes.";
  if (code === "popup_blocked") return "Your browser blocked the window. Allow pop-ups for this page and try again.";
  return retryAfter ? `${detail} Try again in ${retryAfter} s.` : detail;
}

function say(text, isProblem = false) {
  page("status").textContent = text;
  page("status").classList.toggle("problem", isProblem);
}

/** An element. Its children are elements and text, never markup. */
function h(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
