use std::sync::Arc;

use http::HeaderName;
use serde_json::Value;
use terra_auth_egress::{HttpAnswer, HttpError};
use terra_auth_types::ReferenceId;

use crate::{
    login::{
        LoginError,
        anonymous::is_anonymous_name,
        user_id::{means_no_user, user_id},
    },
    settings::WhoAmISettings,
    setup::SetupError,
};

/// The error for callers if the app gives no usable response.
pub(super) const PROBLEM: &str = "the app does not say who is logged in";

/// The result of a response.
pub(super) type Lookup = Result<ReferenceId, LookupError>;

/// The reason of a rejection. Many callers may have waited for the same response.
#[derive(Clone, Debug)]
pub(super) enum LookupError {
    /// The app rejected the credentials.
    Refused(&'static str),
    /// The app gave no usable response.
    Unavailable(Arc<AskError>),
}

const NO_USER: LookupError = LookupError::Refused("the app reports that no user is logged in");

/// Fields next to the user's id in which frameworks report whether a user is logged in.
const FLAGS: [&str; 8] = [
    "authenticated",
    "isAuthenticated",
    "is_authenticated",
    "isLoggedIn",
    "is_logged_in",
    "loggedIn",
    "loggedin",
    "logged_in",
];

/// Why the app's response is unusable. Its content is left out, because it is a user's profile.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("could not call the app")]
    Call(#[source] HttpError),
    #[error("too many concurrent calls to the app")]
    TooManyAsks,
    #[error("the app did not respond in time")]
    TooLong,
    #[error("the app returned {0}")]
    Status(u16),
    #[error("the app's response is not JSON")]
    NotJson,
    #[error("the app's response has no user id in the configured field")]
    NoUserId,
}

/// The position of the user's id in a response.
pub(super) enum UserField {
    Field(Vec<String>),
    Header(HeaderName),
}

impl UserField {
    pub(super) fn new(settings: &WhoAmISettings) -> Result<Self, SetupError> {
        match (&settings.user_header, &settings.user_field) {
            (Some(_), Some(_)) => Err(SetupError::invalid(
                "login.who_am_i.user_header",
                "remove it or user_field; only one of them is allowed",
            )),
            (Some(name), None) => name.parse().map(Self::Header).map_err(|_| {
                SetupError::invalid("login.who_am_i.user_header", format!("{name:?} is not a header name"))
            }),
            (None, field) => Ok(Self::Field(field.as_deref().unwrap_or("id").split('.').map(str::to_owned).collect())),
        }
    }
}

/// Reads a response.
pub(super) fn read(answer: &HttpAnswer, place: &UserField) -> Lookup {
    match answer.status {
        200 => {}
        204 | 205 => return Err(NO_USER),
        401 | 403 => return Err(LookupError::Refused("the app rejected these credentials")),
        300..=399 => return Err(LookupError::Refused("the app redirected to its login")),
        status => return Err(AskError::Status(status).into()),
    }
    match place {
        UserField::Header(name) => from_header(answer, name),
        UserField::Field(path) => from_field(&answer.body, path),
    }
}

fn from_header(answer: &HttpAnswer, name: &HeaderName) -> Lookup {
    const NONE: LookupError =
        LookupError::Refused("the app's response has no user in the header login.who_am_i.user_header");
    let mut values = answer.headers.get_all(name).iter();
    let value = values.next().ok_or(NONE)?;
    let text = str::from_utf8(value.as_bytes()).ok().filter(|_| values.next().is_none()).ok_or(AskError::NoUserId)?;
    if is_anonymous_name(text) { Err(NO_USER) } else { Ok(text.parse().map_err(|_| AskError::NoUserId)?) }
}

/// Reads the user id at `path`. `null`, `false`, `{}` or an empty body instead of the user, of a parent, or of the complete response
/// means that no user is logged in.
fn from_field(body: &[u8], path: &[String]) -> Lookup {
    const NONE: LookupError =
        LookupError::Refused("the app's response has no user in the field login.who_am_i.user_field");
    if body.trim_ascii().is_empty() {
        return Err(NO_USER);
    }
    let root: Value = serde_json::from_slice(body).map_err(|_| AskError::NotJson)?;
    let mut value = &root;
    for name in path {
        if means_no_user(value) || is_flagged(value) {
            return Err(NO_USER);
        }
        let Value::Object(fields) = value else { return Err(AskError::NoUserId.into()) };
        value = fields.get(name).ok_or(NONE)?;
    }
    if means_no_user(value) { Err(NO_USER) } else { Ok(user_id(value).ok_or(AskError::NoUserId)?) }
}

fn is_flagged(value: &Value) -> bool {
    FLAGS.iter().any(|flag| value.get(flag) == Some(&Value::Bool(false)))
}

impl From<AskError> for LookupError {
    fn from(error: AskError) -> Self {
        Self::Unavailable(Arc::new(error))
    }
}

impl From<LookupError> for LoginError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::Refused(reason) => Self::Refused(reason),
            LookupError::Unavailable(error) => Self::Unavailable { problem: PROBLEM, source: Some(Box::new(error)) },
        }
    }
}
