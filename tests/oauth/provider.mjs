// A certified OAuth server of other people, as a provider on this machine: its own pages, its own tokens, kept in memory.
// Takes the one redirect URI as its argument; says where it is as `{"ready":true,"url":"…"}`; ends with its input.
//
// A test may ask it what nobody may ask a real one: `GET /test/exchanges` tells every call of the token endpoint and its
// answer, `POST /test/settings` changes how it behaves from now on.
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";

import { Provider } from "oidc-provider";
import MemoryAdapter from "oidc-provider/lib/adapters/memory_adapter.js";

const settings = {
  /** How long access tokens live from now on. */
  access_ttl_s: 3600,
  /** Whether a refresh token is good for one use. */
  rotates: true,
  /** For how long a refresh token that was used is good for more. */
  grace_s: 0,
  /** How long the work of the token endpoint, and then its answer, is held back. */
  hold_work_ms: 0,
  hold_answer_ms: 0,
};
const exchanges = [];

/** Forgets for a while that a token was used, which is how a grace is given here. */
class Adapter extends MemoryAdapter {
  async find(id) {
    const found = await super.find(id);
    const inGrace = this.model === "RefreshToken" && Date.now() / 1000 < found?.consumed + settings.grace_s;
    return inGrace ? { ...found, consumed: undefined } : found;
  }

  async consume(id) {
    if (!(await super.find(id)).consumed) await super.consume(id);
  }
}

function provider(issuer, redirectUri) {
  const made = new Provider(issuer, {
    adapter: Adapter,
    clients: [{ client_id: "acme", client_secret: "test-key-not-a-secret", redirect_uris: [redirectUri] }],
    clientDefaults: { grant_types: ["authorization_code", "refresh_token"] },
    scopes: ["openid", "offline_access", "activity", "sleep"],
    pkce: { required: () => true },
    rotateRefreshToken: () => settings.rotates,
    ttl: { AccessToken: () => settings.access_ttl_s },
    features: { introspection: { enabled: true }, revocation: { enabled: true } },
  });
  return made.use(observed);
}

async function observed(ctx, next) {
  if (ctx.path !== "/token") return next();
  const exchange = { status: null };
  exchanges.push(exchange);
  await sleep(settings.hold_work_ms);
  await next();
  const { grant_type, refresh_token } = ctx.oidc.params ?? {};
  Object.assign(exchange, { grant_type, sent: refresh_token, status: ctx.status, answer: ctx.body });
  await sleep(settings.hold_answer_ms);
}

async function asked(request, response) {
  if (request.method === "POST") Object.assign(settings, await json(request));
  response.end(JSON.stringify(request.method === "POST" ? settings : exchanges));
}

// Its advice for production goes where a test does not read answers.
console.info = console.error;
const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const serve = provider(url, process.argv[2]).callback();
  server.on("request", (request, response) => (request.url.startsWith("/test/") ? asked : serve)(request, response));
  console.log(JSON.stringify({ ready: true, url }));
});
process.stdin.resume().once("end", () => process.exit());
