use serde::{Deserialize, Serialize};

use super::Status;

/// An error response, RFC 9457, with `message` and `status` for the clients that read only those.
///
/// `status` is the word `error`, not the number of RFC 9457, because the published contract requires it. The
/// number is in the HTTP status line.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `about:blank`, or a URI that identifies the kind of problem.
    pub r#type: String,
    /// The text of the HTTP status, in lower case.
    pub title: String,
    /// The path and query of the request.
    pub instance: String,
    /// The error and its remedy, for people.
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The error code for programs, such as `environment_disabled`.
    #[cfg_attr(feature = "openapi", schema(value_type = String, required = false))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The same text as `detail`, or `title` if there is no detail.
    pub message: String,
    /// Always `error`.
    pub status: Status,
}
