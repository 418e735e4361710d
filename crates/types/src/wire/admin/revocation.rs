use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Provider, UserId, wire::lenient};

/// What became of one connection's grant at its provider. Instants are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevocationReport {
    /// The connection that ended; for a login that made none, an id of its own.
    #[cfg_attr(feature = "openapi", schema(value_type = uuid::Uuid))]
    pub user_id: UserId,
    /// Where its grant was.
    pub provider: Provider,
    /// How it stands.
    pub outcome: RevocationOutcome,
    /// Why it stands so; `null` if there is nothing to explain.
    pub reason: Option<RevocationReason>,
    /// When the connection ended.
    #[cfg_attr(feature = "openapi", schema(value_type = String, format = DateTime))]
    pub asked_at: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was last tried.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub last_attempt_at: Option<Timestamp>,
    /// When it is tried next.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub next_attempt_at: Option<Timestamp>,
    /// When it was settled, for good or ill.
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = DateTime))]
    pub ended_at: Option<Timestamp>,
    /// The HTTP status of the provider's last answer.
    pub status: Option<u32>,
    /// The OAuth error code in it.
    pub code: Option<String>,
}

/// How a revocation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RevocationOutcome {
    /// It is on its way.
    Pending,
    /// The provider says that it did so.
    Confirmed,
    /// The provider says that there was nothing left to revoke.
    AlreadyGone,
    /// The provider was not asked, as the call would have ended more than this connection.
    NotNeeded,
    /// The provider cannot be asked.
    Impossible,
    /// It was tried for two weeks.
    GivenUp,
}

/// Why a revocation stands as it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RevocationReason {
    /// Other connections of the account live on the same authorisation.
    OtherConnections,
    /// The end user connected again, and the new connection lives on the same authorisation.
    Replaced,
    /// An on-device source: there are no tokens, and the end user takes access away on the device.
    OnDevice,
    /// No such call of the provider is known.
    NoRevokeCall,
    /// The server has no app at the provider any more, or does not know the provider.
    NoApp,
    /// The provider wants to be told whose grant it is, and that is not known.
    NoAccount,
    /// The call wants an access token that works, and none can be had.
    NoAccessToken,
    /// The answer to an earlier refresh was lost, and with it the tokens that count.
    TokensLost,
    /// The tokens that are kept do not open.
    TokensUnreadable,
    /// No answer came.
    Unreachable,
    /// The answer was another one than the provider's recipe expects.
    Refused,
    /// The provider refuses the app.
    AppRefused,
    /// The call wants a fresh access token, and the refresh failed.
    RefreshFailed,
    /// The refresh that was to come first says that the grant is gone.
    RefreshRefused,
}

/// Names that are the same on the wire and in a store.
macro_rules! names {
    ($type:ident { $($variant:ident = $name:literal),+ $(,)? }) => {
        impl $type {
            /// The name on the wire and in a store.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Reads the name.
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

/// Which revocations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default, deny_unknown_fields)]
pub struct RevocationParams {
    /// Only that of this connection.
    #[cfg_attr(feature = "openapi", param(value_type = Option<uuid::Uuid>))]
    pub user_id: Option<UserId>,
    /// `next` of the page before; from the newest by default.
    #[cfg_attr(feature = "openapi", param(pattern = r"^[0-9]{1,13}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"))]
    pub after: Option<String>,
    /// How many, 500 at most and 100 by default.
    #[cfg_attr(feature = "openapi", param(minimum = 1, maximum = 500))]
    #[serde(deserialize_with = "lenient::within::<1, 500, _, _>")]
    pub limit: Option<u32>,
}

/// A part of an environment's revocations.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RevocationReports {
    /// The newest first.
    pub revocations: Vec<RevocationReport>,
    /// `after` of the next page; `null` at the end.
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
