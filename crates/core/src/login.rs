//! The login of an end user at a provider.
//!
//! A login runs in these steps. `state` is the OAuth parameter of that name.
//!
//! 1. **Begin** (`begin`). The server checks the session and the user limit. It encrypts everything about the login in
//!    `state`: the session's id and secret, the PKCE verifier, the digest of a cookie, and an expiry 15 minutes ahead.
//!    It sets the cookie and redirects the browser to the provider.
//!    - Durable: nothing, so a link can be opened any number of times, by link previews too. If an end user followed
//!      the link and the login cannot begin because of the user limit or the provider, the failure of the session and
//!      its event are stored.
//!    - Crash: nothing is lost. The end user opens the link again.
//! 2. **Return** (`finish`). The provider redirects the browser back. The server decrypts `state`, and checks the
//!    cookie and, where the provider names one, the issuer (RFC 9207). A browser without the cookie is rejected.
//!    - Durable: nothing.
//!    - Crash: nothing is lost. The end user reloads the page.
//! 3. **Consume.** One unit consumes `state` and counts the login against its session, which can have 20. If `state`
//!    has expired, the unit also records that outcome, with the failure of the session and its event, and the login
//!    ends.
//!    - Durable: `state` is consumed, and a code is exchanged for it once at most. The login has no outcome yet.
//!    - Crash: the login never gets an outcome. If the same `state` returns, the end user is asked to try again.
//! 4. **Exchange.** The code is exchanged at the provider, in a task of its own: it continues if the browser
//!    disconnects.
//!    - Durable: nothing.
//!    - Crash: as after step 3. Tokens that the provider has issued are lost. Nothing here can revoke them; the end
//!      user can remove the app's access at the provider.
//! 5. **Record a success** (`complete`). One unit stores the connection with its encrypted tokens, the events for the
//!    app, the session's new state and the outcome. It also renews or removes earlier connections of the account, and
//!    adds the revocations that follow.
//!    - Durable: the connection and the outcome.
//!    - Crash before it is durable: as after step 4. After it: nothing is lost. Workers send the events and revoke, and
//!      the same `state` gets the same page.
//! 6. **Record a failure** (`failure`), if step 4 or 5 failed. One unit stores the outcome, the failure of the session
//!    with its event, and the revocation of tokens that no connection uses. There is no event if another login used the
//!    session first, or if the store failed in step 5. If step 5 was durable after all, and only the store's response
//!    was lost, the unit finds that outcome and changes nothing.
//!    - Durable: the outcome and the revocation.
//!    - Crash before it is durable: as after step 4. After it: workers send the event and revoke the tokens.
//!    - If this unit fails too, the tokens are revoked at the provider immediately, and the login has no outcome. A
//!      crash during this call loses the tokens.
//!
//! If a `state` returns a second time, that request waits up to 25 s for the outcome of the first one, gets the same
//! page, and changes nothing. At most 64 such requests wait on a node. If there is no outcome, the end user is asked to
//! try again.

pub mod begin;
mod complete;
pub mod failure;
mod finish;
pub mod open_session;
pub mod reason;
pub mod session_page;
pub mod state;
