use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Provider, UserId, wire::lenient};

/// The revocation of one connection's grant at its provider. Times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevocationReport {
    /// The user id of the ended connection, or a separate id for a login that created no connection.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// The provider that issued the grant.
    pub provider: Provider,
    /// The state of the revocation.
    pub outcome: RevocationOutcome,
    /// The reason for this state; `null` if it needs none.
    pub reason: Option<RevocationReason>,
    /// When the revocation was requested, which is when the connection ended.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub asked_at: Timestamp,
    /// The number of attempts.
    pub attempts: u32,
    /// When the last attempt was made.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_attempt_at: Option<Timestamp>,
    /// When the next attempt is due.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub next_attempt_at: Option<Timestamp>,
    /// When the revocation reached its final state, successful or not.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub ended_at: Option<Timestamp>,
    /// The HTTP status of the provider's last response.
    pub status: Option<u32>,
    /// The OAuth error code of the provider's last response.
    pub code: Option<String>,
}

/// The state of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RevocationOutcome {
    /// An attempt is due or in progress.
    Pending,
    /// The provider confirmed the revocation.
    Confirmed,
    /// The provider reported that there was nothing to revoke.
    AlreadyGone,
    /// The provider was not called, because the call would have ended more than this connection.
    NotNeeded,
    /// The provider cannot be called.
    Impossible,
    /// All attempts failed for two weeks.
    GivenUp,
}

/// The reason for the state of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// Other connections of the account use the same authorization.
    OtherConnections,
    /// The end user connected again, and the new connection uses the same authorization.
    Replaced,
    /// The source is on the device: there are no tokens, and the end user revokes the access on the device.
    OnDevice,
    /// No revocation call of the provider is known.
    NoRevokeCall,
    /// The server no longer has an app at the provider, or does not know the provider.
    NoApp,
    /// The provider's call requires the account id of the grant, which is not known.
    NoAccount,
    /// The call requires a valid access token, and there is none.
    NoAccessToken,
    /// The response to an earlier refresh was lost, and with it the current tokens.
    TokensLost,
    /// The stored tokens cannot be decrypted.
    TokensUnreadable,
    /// The provider did not respond.
    Unreachable,
    /// The provider's response is not the one that its recipe expects.
    Refused,
    /// The provider rejects the app.
    AppRefused,
    /// The call requires a new access token, and the refresh failed.
    RefreshFailed,
    /// The refresh before the call showed that the grant no longer exists.
    RefreshRefused,
}

/// Implements `as_str` and `from_name` for names that are the same on the wire and in the database.
macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name on the wire and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Parses the name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

names!(RevocationOutcome {
    Pending = "pending",
    Confirmed = "confirmed",
    AlreadyGone = "already_gone",
    NotNeeded = "not_needed",
    Impossible = "impossible",
    GivenUp = "given_up",
});

names!(RevocationReason {
    OtherConnections = "other_connections",
    Replaced = "replaced",
    OnDevice = "on_device",
    NoRevokeCall = "no_revoke_call",
    NoApp = "no_app",
    NoAccount = "no_account",
    NoAccessToken = "no_access_token",
    TokensLost = "tokens_lost",
    TokensUnreadable = "tokens_unreadable",
    Unreachable = "unreachable",
    Refused = "refused",
    AppRefused = "app_refused",
    RefreshFailed = "refresh_failed",
    RefreshRefused = "refresh_refused",
});

/// Selects a page of revocations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct RevocationParams {
    /// Return only the revocation of this connection.
    #[cfg_attr(feature = "openapi", param(value_type = Option<uuid::Uuid>))]
    pub user_id: Option<UserId>,
    /// The `next` value of the previous page; from the newest revocation by default.
    #[cfg_attr(feature = "openapi", param(pattern = r"^[0-9]{1,13}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))]
    pub after: Option<String>,
    /// Maximum number of revocations, up to 500; 100 by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    #[serde(deserialize_with = "lenient::within::<1, 500, _, _>")]
    pub limit: Option<u32>,
}

/// A page of an environment's revocations.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevocationReports {
    /// The revocations, newest first.
    pub revocations: Vec<RevocationReport>,
    /// The `after` parameter of the next page; `null` on the last page.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{RevocationOutcome, RevocationReason};

    #[test]
    fn a_name_in_a_store_is_the_name_on_the_wire() {
        for outcome in [
            RevocationOutcome::Pending,
            RevocationOutcome::Confirmed,
            RevocationOutcome::AlreadyGone,
            RevocationOutcome::NotNeeded,
            RevocationOutcome::Impossible,
            RevocationOutcome::GivenUp,
        ] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
            assert_eq!(RevocationOutcome::from_name(outcome.as_str()), Some(outcome));
        }
        let (reason, name) = (RevocationReason::OtherConnections, "other_connections");
        assert_eq!((serde_json::to_value(reason).unwrap(), reason.as_str()), (name.into(), name));
        assert_eq!((RevocationReason::from_name(name), RevocationReason::from_name("nosuch")), (Some(reason), None));
    }
}
