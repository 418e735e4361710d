//! Revokes a grant at its provider after its connection was removed.
//!
//! `docs/decisions/0009-revocation.md` gives the reasons for these steps.
//!
//! 1. **Remove the connection.** One unit locks the account's grants, deletes the connection and adds a
//!    revocation with its tokens. It takes over the in-flight marker of a running refresh, and is due when that
//!    refresh's lease ends. If no call is needed, the unit records that too: another connection of the account
//!    can still work, or a new login replaced this connection and the call could revoke the new grant.
//!    - Durable: the connection is gone, and a pending or finished revocation exists.
//!    - Crash before it is durable: nothing has changed. After it: any worker continues with step 2.
//! 2. **Claim.** A worker claims due revocations: the claim hides them for 60 s and counts the attempt. The
//!    count is the number of the lease; later steps have an effect only while it is unchanged.
//!    - Durable: the claim.
//!    - Crash: another worker claims the revocation after 60 s.
//! 3. **Check again.** If a call revokes everything of the account, and the account has a connection that works
//!    now, the revocation is recorded as not needed. This protects a login that was made since step 1.
//!    - Durable: the finished revocation, if no call is needed.
//!    - Crash before it is durable: as after step 2.
//! 4. **Refresh**, only if the access token has expired or is refused, or a response to an earlier refresh is
//!    missing. The in-flight marker is stored, the provider is called once, and the new tokens are stored and
//!    the marker cleared before they are used.
//!    - Durable: first the marker, then the new tokens.
//!    - Crash with the marker stored: the next attempt refreshes again. If the provider then rejects a single-use
//!      refresh token, the tokens are lost and the revocation is impossible.
//!    - Crash after the tokens are stored: the next attempt uses them.
//! 5. **Call.** The revoke call takes at most 10 s.
//!    - Durable: nothing.
//!    - Crash: the next attempt calls again. The provider confirms again, or says that the grant is gone already.
//! 6. **Record.** One unit stores the result. A final result erases the tokens and remains as a report for 90
//!    days. Otherwise the next attempt follows after 30 s, then after twice as long each time, up to 8 h. After
//!    two weeks the revocation is given up, or called impossible if there is no app.
//!    - Durable: the result.
//!    - Crash before it is durable: as after step 5.

mod attempt;
mod refresh;
mod remove;
mod report;

pub(crate) use self::remove::{RemovalReason, remove_connection};
