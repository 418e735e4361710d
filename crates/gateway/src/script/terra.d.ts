/** Types of terra.js, which the gateway serves beside this file. */

/** A device or service that an end user has connected. */
export interface Connection {
  /** The gateway's name for it; stays when the user connects it anew. */
  id: string;
  /** Terra's name for it: what `disconnect` takes, and what webhooks call a user. */
  user_id: string;
  /** Such as `"FITBIT"`. */
  provider: string;
  /** `failing` may recover by itself; `revoked` needs the user to connect again. */
  state: "active" | "failing" | "revoked";
  /** RFC 3339. */
  connected_at: string | null;
  /** What the user allowed, with commas between. */
  scopes: string | null;
}

export interface Connections {
  /** Oldest first. */
  connections: Connection[];
  /** The newest login that did not end in a connection; `at` is RFC 3339. */
  last_failure: { reason: string | null; at: string } | null;
}

/** What can be connected. */
export interface Integration {
  /** For people. */
  name: string;
  /** For `providers` in `connect`. */
  resource: string;
  /** Absolute, on the gateway; null if there is no picture. */
  logo_url: string | null;
  /** Which data it has; left out if nobody says. */
  types?: Record<string, boolean>;
}

/** For the mobile SDK. It connects once. */
export interface MobileToken {
  token: string;
  reference_id: string;
  /** Seconds. */
  expires_in: number;
  /** RFC 3339. */
  expires_at: string;
}

/**
 * - `cancelled`: the user gave up, or closed the window.
 * - `failed`: the provider refused; `detail` is its reason.
 * - `timeout`: nothing was connected in time.
 * - `popup_blocked`: `connect` was not called directly from a click.
 * - `not_logged_in`: send the user to your login.
 * - `rate_limited`: try again after `retryAfter`.
 * - `unreachable`: the gateway did not answer, or does not allow this page's origin.
 * - `not_found`, `refused` and the gateway's other codes: `detail` says more.
 */
export type TerraErrorCode =
  | "cancelled"
  | "failed"
  | "timeout"
  | "popup_blocked"
  | "not_logged_in"
  | "rate_limited"
  | "unreachable"
  | "not_found"
  | "refused"
  | (string & {});

export interface TerraErrorOptions {
  status?: number;
  retryAfter?: number;
  cause?: unknown;
}

/** What the functions here reject with; an abort rejects with its signal's reason. */
export class TerraError extends Error {
  constructor(code: TerraErrorCode, detail: string, options?: TerraErrorOptions);
  /** For programs. */
  readonly code: TerraErrorCode;
  /** For people. */
  readonly detail: string;
  /** Of the gateway's answer, if it was one. */
  readonly status?: number;
  /** Seconds. */
  readonly retryAfter?: number;
}

export interface TerraOptions {
  /** Where the gateway is; where this script came from unless told otherwise. */
  gateway?: string;
  /** As for `fetch`; `"include"` unless told otherwise, so that the gateway sees your app's session cookie. */
  credentials?: RequestCredentials;
  /** Gives your app's own token, if users are logged in by one. Asked before each call. */
  token?: () => string | undefined | Promise<string | undefined>;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface ConnectOptions extends CallOptions {
  /** What the user may choose from; one alone skips the choice, none means all. */
  providers?: string[];
  /** Such as `"de"`; the browser's unless told otherwise. */
  language?: string;
  /**
   * Where the widget leads afterwards. The gateway's operator says which are allowed, and which it is if nothing is said;
   * unless they do, a popup leads to a page of the gateway that closes it.
   */
  successUrl?: string;
  failureUrl?: string;
  /** A window beside the page unless told otherwise. */
  mode?: "popup" | "redirect";
  /** 15 minutes unless told otherwise, as the widget's pages live no longer. */
  timeoutMs?: number;
}

export interface WaitOptions extends CallOptions {
  /** What is not in this earlier answer is new; what was known before the redirect, or else now, unless told otherwise. */
  since?: Connections;
  /** 15 minutes unless told otherwise. */
  timeoutMs?: number;
}

export interface Terra {
  /**
   * Lets the user connect a device. Call it directly from a click, else the browser opens no window.
   *
   * Resolves with the new connection, and closes the window. With `mode: "redirect"` it leaves the page and does not
   * settle; call `waitForConnection` on the page where the user comes back.
   */
  connect(options?: ConnectOptions): Promise<Connection>;
  /** Resolves with the connection that is new. Asks every 1 to 5 seconds, and at once when the user looks at the page. */
  waitForConnection(options?: WaitOptions): Promise<Connection>;
  /** The connections of the user who is logged in. */
  connections(options?: CallOptions): Promise<Connections>;
  /** Removes one of them, and the access at its provider. */
  disconnect(userId: string, options?: CallOptions): Promise<void>;
  /** What can be connected. */
  integrations(options?: CallOptions): Promise<Integration[]>;
  /** A token for the mobile SDK, in the name of the user who is logged in. */
  mobileToken(options?: CallOptions): Promise<MobileToken>;
}

export function createTerra(options?: TerraOptions): Terra;
