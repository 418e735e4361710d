use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use axum::{
    Json, Router,
    http::StatusCode,
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use serde_json::{Value, json};
use url::Url;

use super::{Signer, serve};

/// A server that publishes keys or fails, as the test chooses.
pub(in crate::login) struct Issuer {
    pub(in crate::login) url: Url,
    answer: Arc<Mutex<Answer>>,
    asked: Arc<AtomicUsize>,
}

/// The response of an issuer.
#[derive(Clone, Debug)]
pub(in crate::login) enum Answer {
    Json(Value),
    Status(u16),
    Html,
    Redirect,
    /// JSON of this many bytes.
    Padded(usize),
    Nothing,
}

impl Answer {
    pub(in crate::login) fn keys(signers: &[&Signer]) -> Self {
        Self::Json(json!({ "keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>() }))
    }

    async fn give(self) -> Response {
        match self {
            Self::Json(body) => Json(body).into_response(),
            Self::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Self::Html => Html("<h1>Back soon</h1>").into_response(),
            Self::Redirect => (StatusCode::FOUND, [("location", "/elsewhere")]).into_response(),
            Self::Padded(bytes) => format!(r#"{{"keys":[]{}}}"#, " ".repeat(bytes - 11)).into_response(),
            Self::Nothing => pending().await,
        }
    }
}

impl Issuer {
    pub(in crate::login) async fn start(answer: Answer) -> Self {
        let (answer, asked) = (Arc::new(Mutex::new(answer)), Arc::new(AtomicUsize::new(0)));
        let (given, counted) = (Arc::clone(&answer), Arc::clone(&asked));
        let give = async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let answer = given.lock().unwrap().clone();
            answer.give().await
        };
        let url = serve(Router::new().route("/keys", get(give))).await.join("keys").unwrap();
        Self { url, answer, asked }
    }

    /// Sets the response to later requests.
    pub(in crate::login) fn set(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// The number of requests received.
    pub(in crate::login) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}
