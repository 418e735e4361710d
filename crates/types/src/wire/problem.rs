use serde::{Deserialize, Serialize};

use super::Status;

/// An error answer, RFC 9457, with `message` and `status` beside it for the clients that read only those.
///
/// `status` is the word `error`, not the number RFC 9457 suggests: the published contract says so, and the HTTP status
/// line has the number.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `about:blank`, or a URI that names the kind of problem.
    pub r#type: String,
    /// The status text in lower case.
    pub title: String,
    /// The path, with its query, that was asked for.
    pub instance: String,
    /// What went wrong and what to do, for people.
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// A name for programs, such as `environment_disabled`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The detail again, or the title.
    pub message: String,
    /// Always `error`.
    pub status: Status,
}
