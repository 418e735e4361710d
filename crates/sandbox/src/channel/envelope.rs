//! What is around an answer.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::face::Envelope;

impl Envelope {
    pub(super) fn wrap(self, mut answer: Map<String, Value>) -> Value {
        match self {
            Self::Plain => Value::Object(answer),
            Self::StatusAndBody => json!({"status": 0, "body": answer}),
            Self::Result => {
                answer.insert("message".to_owned(), "OK".into());
                answer.insert("result".to_owned(), "0000".into());
                Value::Object(answer)
            }
        }
    }

    /// A refusal; `status` is what it would be without an envelope.
    pub(super) fn refusal(self, status: StatusCode, error: &str, description: &str) -> (StatusCode, Value) {
        let code = Self::code(error);
        match self {
            Self::Plain => (status, json!({"error": error, "error_description": description})),
            Self::StatusAndBody => (StatusCode::OK, json!({"status": code, "body": {}, "error": description})),
            Self::Result => (StatusCode::OK, json!({"result": format!("{code:04}"), "message": description})),
        }
    }
}
