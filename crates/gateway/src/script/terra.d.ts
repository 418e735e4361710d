/** The types of terra.js. The gateway serves both files. */

/** A device or service that an end user has connected. */
export interface Connection {
  /** The gateway's id. It does not change when the user connects again. */
  id: string;
  /** Terra's id of the connection: the argument of `disconnect`, and `user.user_id` in webhooks. */
  user_id: string;
  /** Such as `"FITBIT"`. */
  provider: string;
  /** `failing` may recover by itself; `revoked` needs the user to connect again. */
  state: "active" | "failing" | "revoked";
  /** RFC 3339. */
  connected_at: string | null;
  /** The granted scopes, comma-separated. */
  scopes: string | null;
}

export interface Connections {
  /** Oldest first. */
  connections: Connection[];
  /** The latest failed login; `at` is RFC 3339. */
  last_failure: { reason: string | null; at: string } | null;
}

/** A device or service that the user can connect. */
export interface Integration {
  /** The display name. */
  name: string;
  /** The value for `providers` in `connect`. */
  resource: string;
  /** An absolute URL on the gateway; null if there is no logo. */
  logo_url: string | null;
  /** The supported data types; omitted if unknown. */
  types?: Record<string, boolean>;
}

/** A token for the mobile SDK. It can be used for one connection. */
export interface MobileToken {
  token: string;
  reference_id: string;
  /** Seconds. */
  expires_in: number;
  /** RFC 3339. */
  expires_at: string;
}

/**
 * - `cancelled`: the user cancelled, or closed the window.
 * - `failed`: the login at the provider failed; `detail` is the reason.
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

/** The error of all functions here. An aborted call rejects with the reason of its signal instead. */
export class TerraError extends Error {
  constructor(code: TerraErrorCode, detail: string, options?: TerraErrorOptions);
  /** For programs. */
  readonly code: TerraErrorCode;
  /** For people. */
  readonly detail: string;
  /** The HTTP status, if the gateway responded. */
  readonly status?: number;
  /** Seconds. */
  readonly retryAfter?: number;
}

export interface TerraOptions {
  /** The gateway's URL. Default: the origin of this script. */
  gateway?: string;
  /** As for `fetch`. Default: `"include"`, which sends your app's session cookie to the gateway. */
  credentials?: RequestCredentials;
  /** Returns your app's own access token, if users log in with one. It runs before each call. */
  token?: () => string | undefined | Promise<string | undefined>;
}

export interface CallOptions {
  signal?: AbortSignal;
}

export interface ConnectOptions extends CallOptions {
  /** The providers to offer. With one provider, the widget skips the choice. Default: all. */
  providers?: string[];
  /** Such as `"de"`. Default: the browser's language. */
  language?: string;
  /**
   * The redirect targets after the widget. The gateway's settings list the allowed URLs and can set defaults. Without
   * a default, a popup ends on a page of the gateway that closes it.
   */
  successUrl?: string;
  failureUrl?: string;
  /** Default: `"popup"`. */
  mode?: "popup" | "redirect";
  /** Default: 15 minutes, the lifetime of a widget session. */
  timeoutMs?: number;
}

export interface WaitOptions extends CallOptions {
  /**
   * An earlier result of `connections`; a connection that is missing there is new. Default: the result that `connect`
   * saved before the redirect; without one, the current connections.
   */
  since?: Connections;
  /** Default: 15 minutes. */
  timeoutMs?: number;
}

export interface Terra {
  /**
   * Lets the user connect a device. Call it directly in a click handler; otherwise the browser blocks the popup.
   *
   * Resolves with the new connection and closes the popup. With `mode: "redirect"`, it leaves the page and the promise
   * stays pending; call `waitForConnection` on the page to which the user returns.
   */
  connect(options?: ConnectOptions): Promise<Connection>;
  /** Resolves with the new connection. It polls every 1 to 5 seconds, and at once when the page gets the focus. */
  waitForConnection(options?: WaitOptions): Promise<Connection>;
  /** Lists the connections of the logged-in user. */
  connections(options?: CallOptions): Promise<Connections>;
  /** Removes a connection and revokes the access at its provider. */
  disconnect(userId: string, options?: CallOptions): Promise<void>;
  /** Lists the providers that the user can connect. */
  integrations(options?: CallOptions): Promise<Integration[]>;
  /** Creates a token for the mobile SDK, for the logged-in user. */
  mobileToken(options?: CallOptions): Promise<MobileToken>;
}

export function createTerra(options?: TerraOptions): Terra;
