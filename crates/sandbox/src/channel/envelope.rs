//! What is around an answer.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::face::Envelope;

impl Envelope {
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

    /// What this says in the face's own way.
    pub(super) fn refusal(self, refusal: &Refusal<'_>) -> (StatusCode, Value) {
        let Refusal { status, error, about: (resource, field), description } = *refusal;
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

/// A refusal, as RFC 6749 has it.
#[derive(Clone, Copy)]
pub(super) struct Refusal<'a> {
    pub(super) status: StatusCode,
    pub(super) error: &'a str,
    /// The thing and the field of it that the error is about.
    pub(super) about: (&'a str, &'a str),
    pub(super) description: &'a str,
}
