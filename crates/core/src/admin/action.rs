//! An administrative action: its caller, its description for the audit log, and its errors.

use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{api_key::ApiKeyRecord, keys::UnsealError, store_error::StoreError, text::is_unsafe};
use terra_auth_types::{
    DevId, redirect,
    wire::admin::{EnvironmentContents, Role},
};
use url::Url;
use uuid::Uuid;

/// The caller of an administrative action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The name of the admin token, or a description of the API key.
    pub name: String,
    /// The id of the admin token or API key; `None` for the process itself.
    pub id: Option<Uuid>,
    /// The role, which decides the allowed actions.
    pub role: Role,
    /// The network address of the caller, if the call came over the network.
    pub origin: Option<String>,
}

impl Admin {
    /// The process itself, such as `terra-auth dev`, with direct access to the store and the role owner.
    #[must_use]
    pub fn local(name: &str) -> Self {
        Self { name: name.to_owned(), id: None, role: Role::Owner, origin: None }
    }

    /// The caller with this API key, as an operator. The key's scopes decide what it can change.
    #[must_use]
    pub fn of_environment_key(key: &ApiKeyRecord, origin: Option<String>) -> Self {
        Self {
            name: format!("api key {} (…{})", key.name, key.hint),
            id: Some(key.key_id.0),
            role: Role::Operator,
            origin,
        }
    }
}

/// An administrative action, as the audit log shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuditedAction<'a> {
    /// The name of the action, such as `api_key.rotate`.
    pub(crate) action: &'static str,
    /// The environment of the action, if it has one.
    pub(crate) dev_id: Option<&'a DevId>,
    /// The object of the action.
    pub(crate) target: &'a str,
}

/// Why an administrative action failed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The token's role does not allow the action.
    #[error("this needs the role {}, and your token is {}", .needs, .has)]
    Forbidden {
        /// The least role that allows it.
        needs: &'static str,
        /// The role of the token.
        has: &'static str,
    },
    /// There is no such environment.
    #[error("no such environment")]
    UnknownEnvironment,
    /// Another object does not exist.
    #[error("{0}")]
    NotFound(&'static str),
    /// A value is invalid; the text names the field and the accepted values.
    #[error("invalid {0}")]
    Invalid(&'static str),
    /// A limit is reached.
    #[error("{0}")]
    TooMany(&'static str),
    /// The key was used recently, so it is revoked only with `force`.
    #[error("the key was last used at {0}; rotate it, or revoke with `force` if it leaked")]
    RecentlyUsed(Timestamp),
    /// The caller did not confirm the current contents of the environment.
    #[error(
        "this deletes {} users, {} API keys and {} waiting events; confirm these counts",
        .0.users, .0.api_keys, .0.waiting_deliveries
    )]
    NotConfirmed(EnvironmentContents),
    /// The current state does not allow the action.
    #[error("{0}")]
    Conflict(&'static str),
    /// A stored value could not be decrypted.
    #[error("could not decrypt the signing secret")]
    Seal(#[from] UnsealError),
    /// The store failed.
    #[error("could not complete the administrative action")]
    Store(#[from] StoreError),
}

pub(crate) fn days_of(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

const MAX_NAME_BYTES: usize = 100;

pub(crate) fn check_name(name: &str) -> Result<(), AdminError> {
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(is_unsafe);
    if fits { Ok(()) } else { Err(AdminError::Invalid("name: 1 to 100 bytes of text")) }
}

pub(crate) fn check_url(url: &Url) -> Result<(), AdminError> {
    let web = url.scheme() == "https" || (url.scheme() == "http" && redirect::is_loopback(url));
    if web { Ok(()) } else { Err(AdminError::Invalid("URL: https (http on loopback only)")) }
}
