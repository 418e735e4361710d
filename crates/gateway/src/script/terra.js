/**
 * Connects the devices of the user who is logged in to your page, through the gateway that serves this file. The page
 * needs no API key and sends no user id: the gateway finds the user through your app's own login.
 *
 *     import { createTerra } from "https://gateway.example/terra.js";
 *     const terra = createTerra();
 *     button.onclick = () => terra.connect({ providers: ["FITBIT"] }).then(show, explain);
 *
 * Types are in terra.d.ts. A Content-Security-Policy needs the gateway in script-src, connect-src and img-src only.
 */

/** @import { CallOptions, Connections, ConnectOptions, Integration, TerraErrorOptions, WaitOptions } from "./terra.js" */

/** The lifetime of a widget session. A user cannot finish it later. */
const SESSION_MS = 900_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;
const ANSWER_MS = 15_000;
/** How long to wait after the window was closed: the connection can be recorded later than that. */
const GRACE_MS = 10_000;
/** How long after the window was closed this page makes the gateway query Terra, once: an event can be lost. */
const ASK_MS = 3_000;
/** The sessionStorage key under which connect() saves the known connections before it leaves the page. */
const BEFORE = "terra-auth.before";
/** The statuses that are worth a retry. A missing response has no status and is retried too. */
const PASSING = [undefined, 408, 429, 500, 502, 503, 504];

/** The reason of a failure: `code` for programs, `detail` for people. */
export class TerraError extends Error {
  name = "TerraError";

  /** @param {string} code @param {string} detail @param {TerraErrorOptions} options */
  constructor(code, detail, { status, retryAfter, cause } = {}) {
    super(detail, { cause });
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** @type {typeof import("./terra.js").createTerra} */
export function createTerra({ gateway = new URL(import.meta.url).origin, credentials = "include", token } = {}) {
  /** @param {string} path */
  const at = (path) => new URL(path, gateway).href;

  /** @param {string} method @param {string} path @param {CallOptions & { body?: object }} options */
  async function call(method, path, { body, signal } = {}) {
    const headers = new Headers(body && { "content-type": "application/json" });
    const bearer = await token?.();
    if (bearer) headers.set("authorization", `Bearer ${bearer}`);
    const ends = AbortSignal.any([AbortSignal.timeout(ANSWER_MS), ...(signal ? [signal] : [])]);
    const request = { method, headers, credentials, body: body && JSON.stringify(body), signal: ends };
    try {
      const answer = await fetch(at(`/api/terra/${path}`), request);
      if (answer.ok) return await answer.json();
      throw refusal(answer, await answer.json().catch(() => ({})));
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof TerraError) throw error;
      throw new TerraError("unreachable", "The gateway did not answer.", { cause: error });
    }
  }

  /** @param {CallOptions} [options] @returns {Promise<Connections>} */
  const connections = (options) => call("GET", "connections", options);
  /** @param {CallOptions} [options] @returns {Promise<Connections>} */
  const refreshed = (options) => call("GET", "connections?refresh=1", options);

  /** @param {ConnectOptions} options */
  async function connect({ providers, language, successUrl, failureUrl, mode = "popup", timeoutMs, signal } = {}) {
    // Before any other call: a browser lets a page open a window only while it handles the click.
    const popup = mode === "popup" ? openWindow() : undefined;
    try {
      const since = await connections({ signal });
      const targets = { auth_success_redirect_url: successUrl, auth_failure_redirect_url: failureUrl };
      // The last page in the popup closes it.
      const landing_url = popup && at("/api/terra/done");
      const body = { providers, language, ...targets, landing_url };
      const { url } = await call("POST", "widget-session", { body, signal });
      if (popup) {
        popup.location.replace(url);
        return await wait({ since, timeoutMs, signal, popup });
      }
      sessionStorage.setItem(BEFORE, JSON.stringify(since));
      location.assign(url);
      return await new Promise(() => {}); // the browser leaves this page
    } finally {
      popup?.close();
    }
  }

  /** @param {WaitOptions & { popup?: Window }} options */
  async function wait({ since = before(), timeoutMs = SESSION_MS, signal, popup }) {
    const end = Date.now() + timeoutMs;
    let closedAt = Infinity;
    let asked = false;
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS)) {
      /** @type {boolean} */
      const asks = !asked && Date.now() - closedAt >= ASK_MS;
      const { known, retryAfter } = await look(asks ? refreshed : connections, signal);
      asked ||= asks && known !== undefined;
      const connection = known && newest(known, (since ??= known));
      if (connection) return connection;
      // A popup looks closed if its page isolates itself (COOP). In this case it has the focus, and this page does not.
      closedAt = popup?.closed && document.hasFocus() ? Math.min(closedAt, Date.now()) : Infinity;
      if (known && asked && Date.now() - closedAt >= GRACE_MS) throw new TerraError("cancelled", "The window was closed.");
      if (Date.now() >= end) throw new TerraError("timeout", "Nothing was connected in time.");
      await rest(Math.min(retryAfter ? retryAfter * 1_000 : pause, end - Date.now()), { signal, wakes: !retryAfter });
    }
  }

  /**
   * Returns the current connections. After a temporary failure, returns only the time to wait before a retry, if known.
   * @param {typeof connections} list @param {AbortSignal} [signal]
   * @returns {Promise<{ known?: Connections, retryAfter?: number }>}
   */
  async function look(list, signal) {
    try {
      return { known: await list({ signal }) };
    } catch (error) {
      if (error instanceof TerraError && PASSING.includes(error.status)) return { retryAfter: error.retryAfter };
      throw error;
    }
  }

  /** @param {CallOptions} [options] @returns {Promise<Integration[]>} */
  async function integrations(options) {
    /** @type {{ integrations: Integration[] }} */
    const { integrations: all } = await call("GET", "integrations", options);
    return all.map((one) => ({ ...one, logo_url: one.logo_url ? at(one.logo_url) : null }));
  }

  return {
    connect,
    waitForConnection: (options = {}) => wait(options),
    connections,
    disconnect: (userId, options) => call("DELETE", `connections/${encodeURIComponent(userId)}`, options).then(() => {}),
    integrations,
    mobileToken: (options) => call("POST", "mobile-token", options),
  };
}

function openWindow() {
  const popup = window.open("about:blank", "_blank", "popup,width=480,height=760");
  if (!popup) throw new TerraError("popup_blocked", "The browser did not let this page open a window.");
  popup.opener = null; // later pages in the popup cannot navigate this page
  return popup;
}

/** Returns and removes the connections that connect() saved. @returns {Connections | undefined} */
function before() {
  const kept = sessionStorage.getItem(BEFORE);
  sessionStorage.removeItem(BEFORE);
  return kept ? JSON.parse(kept) : undefined;
}

/**
 * Returns the new connection; `undefined` if there is none yet. Throws if the login failed.
 * @param {Connections} now @param {Connections} since
 */
function newest({ connections, last_failure: failure }, since) {
  /** @param {Connections["connections"][0]} connection */
  const name = ({ id, user_id, state }) => `${id} ${user_id} ${state === "active"}`;
  const old = new Set(since.connections.map(name));
  const fresh = connections.find((one) => one.state === "active" && !old.has(name(one)));
  if (fresh || !failure || failure.at === since.last_failure?.at) return fresh;
  if (failure.reason === "user_cancelled") throw new TerraError("cancelled", "The user cancelled.");
  throw new TerraError("failed", failure.reason ?? "The provider gave no reason.");
}

/** @param {Response} answer @param {{ code?: string, detail?: string }} problem */
function refusal({ status, headers }, { code, detail }) {
  const known = new Map([[401, "not_logged_in"], [404, "not_found"], [429, "rate_limited"]]).get(status);
  const retryAfter = Number(headers.get("retry-after")) || undefined;
  return new TerraError(known ?? code ?? "refused", detail ?? `The gateway answered ${status}.`, { status, retryAfter });
}

/**
 * Waits for `ms` milliseconds. With `wakes`, it stops waiting when the page gets the focus or its visibility changes.
 * @param {number} ms @param {{ signal?: AbortSignal, wakes: boolean }} options @returns {Promise<void>}
 */
function rest(ms, { signal, wakes }) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const over = new AbortController();
    /** @param {EventTarget} target @param {string} event @param {() => void} settle */
    const on = (target, event, settle) => target.addEventListener(event, end(settle), { signal: over.signal });
    /** @param {() => void} settle */
    const end = (settle) => () => (over.abort(), clearTimeout(timer), settle());
    const timer = setTimeout(end(resolve), ms);
    if (wakes) on(window, "focus", resolve), on(document, "visibilitychange", resolve);
    if (signal) on(signal, "abort", () => reject(signal.reason));
  });
}
