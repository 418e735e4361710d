//! The response formats of providers.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::profile::ResponseFormat;

impl ResponseFormat {
    pub(super) fn wrap(self, mut answer: Map<String, Value>) -> Value {
        match self {
            Self::Plain | Self::Errors | Self::Fault => Value::Object(answer),
            Self::StatusAndBody => json!({"status": 0, "body": answer}),
            Self::Result => {
                answer.insert("message".to_owned(), "OK".into());
                answer.insert("result".to_owned(), "0000".into());
                Value::Object(answer)
            }
        }
    }

    /// Converts an error to the provider's format.
    pub(super) fn format_error(self, refusal: &OAuthErrorBody<'_>) -> (StatusCode, Value) {
        let OAuthErrorBody { status, error, about: (resource, field), description } = *refusal;
        let code = Self::code(error);
        match self {
            Self::Plain => (status, json!({"error": error, "error_description": description})),
            Self::Errors => {
                (status, json!({"errors": [{"errorType": error, "message": description}], "success": false}))
            }
            Self::Fault => {
                let error = json!({"resource": resource, "field": field, "code": "invalid"});
                (status, json!({"message": status.canonical_reason(), "errors": [error]}))
            }
            Self::StatusAndBody => (StatusCode::OK, json!({"status": code, "body": {}, "error": description})),
            Self::Result => (StatusCode::OK, json!({"result": format!("{code:04}"), "message": description})),
        }
    }
}

/// An error as defined by RFC 6749.
#[derive(Clone, Copy)]
pub(super) struct OAuthErrorBody<'a> {
    pub(super) status: StatusCode,
    pub(super) error: &'a str,
    /// The resource and its field that the error is about.
    pub(super) about: (&'a str, &'a str),
    pub(super) description: &'a str,
}
