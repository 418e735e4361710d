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

/// For callers that get the error that the app does not respond.
pub(super) const PROBLEM: &str = "the app does not say who is logged in";

/// The result of a response.
pub(super) type Lookup = Result<ReferenceId, LookupError>;

/// The reason of a rejection. Many callers may have waited for the same response.
#[derive(Clone, Debug)]
pub(super) enum LookupError {
    /// The app said so.
    Refused(&'static str),
    /// The app did not say.
    Unavailable(Arc<AskError>),
}

const NO_USER: LookupError = LookupError::Refused("the app says that no user is logged in");

/// Fields beside the user's id in which frameworks say whether a user is logged in.
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

/// The reason why the app's response is unclear. Its content is not repeated: it is a user's profile.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error("the app cannot be asked")]
    Call(#[source] HttpError),
    #[error("the app is being asked too often")]
    TooManyAsks,
    #[error("the app takes too long")]
    TooLong,
    #[error("the app answered {0}")]
    Status(u16),
    #[error("the app's answer is not JSON")]
    NotJson,
    #[error("the app's answer has no user id where it should be")]
    NoUserId,
}

/// Where in an answer the user's id is.
pub(super) enum UserField {
    Field(Vec<String>),
    Header(HeaderName),
}

impl UserField {
    pub(super) fn new(settings: &WhoAmISettings) -> Result<Self, SetupError> {
        match (&settings.user_header, &settings.user_field) {
            (Some(_), Some(_)) => {
                Err(SetupError::invalid("login.who_am_i.user_header", "remove it, or user_field; one of them counts"))
            }
            (Some(name), None) => name.parse().map(Self::Header).map_err(|_| {
                SetupError::invalid("login.who_am_i.user_header", format!("{name:?} is no name of a header"))
            }),
            (None, field) => Ok(Self::Field(field.as_deref().unwrap_or("id").split('.').map(str::to_owned).collect())),
        }
    }
}

/// Reads an answer.
pub(super) fn read(answer: &HttpAnswer, place: &UserField) -> Lookup {
    match answer.status {
        200 => {}
        204 | 205 => return Err(NO_USER),
        401 | 403 => return Err(LookupError::Refused("the app knows no user by this")),
        300..=399 => return Err(LookupError::Refused("the app sends this user to its login")),
        status => return Err(AskError::Status(status).into()),
    }
    match place {
        UserField::Header(name) => from_header(answer, name),
        UserField::Field(path) => from_field(&answer.body, path),
    }
}

fn from_header(answer: &HttpAnswer, name: &HeaderName) -> Lookup {
    const NONE: LookupError =
        LookupError::Refused("the app's answer has no user in the header that login.who_am_i.user_header names");
    let mut values = answer.headers.get_all(name).iter();
    let value = values.next().ok_or(NONE)?;
    let text = str::from_utf8(value.as_bytes()).ok().filter(|_| values.next().is_none()).ok_or(AskError::NoUserId)?;
    if is_anonymous_name(text) { Err(NO_USER) } else { Ok(text.parse().map_err(|_| AskError::NoUserId)?) }
}

/// Frameworks say in many ways that no user is logged in: by `null`, `false`, `{}` or nothing at all instead of the user, of
/// something above, or of the whole answer.
fn from_field(body: &[u8], path: &[String]) -> Lookup {
    const NONE: LookupError =
        LookupError::Refused("the app's answer has no user in the field that login.who_am_i.user_field names");
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
