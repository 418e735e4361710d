//! An app that receives webhooks, as an app should: it verifies first.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use futures_util::stream;
use terra_auth_testkit::http;
use terra_auth_webhook::Verifier;
use tokio::sync::Notify;
use url::Url;

#[derive(Clone)]
pub(crate) struct Receiver {
    pub(crate) url: Url,
    state: Arc<Shared>,
}

struct Shared {
    answer: Mutex<Answer>,
    receipts: Mutex<Vec<Receipt>>,
    arrived: Notify,
}

#[derive(Clone, Copy)]
pub(crate) enum Answer {
    Status(u16),
    After(Duration),
    Endless,
}

#[derive(Clone, Debug)]
pub(crate) struct Receipt {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Shared {
            answer: Mutex::new(Answer::Status(200)),
            receipts: Mutex::default(),
            arrived: Notify::new(),
        });
        let url = http::serve(Router::new().fallback(receive).with_state(Arc::clone(&state))).await;
        Self { url, state }
    }

    pub(crate) fn answers(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    /// Everything that has arrived since the last look.
    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        std::mem::take(&mut self.state.receipts.lock().unwrap())
    }

    pub(crate) async fn arrival(&self) {
        tokio::time::timeout(Duration::from_secs(5), self.state.arrived.notified()).await.unwrap();
    }
}

async fn receive(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    state.receipts.lock().unwrap().push(Receipt { headers, body });
    state.arrived.notify_one();
    let answer = *state.answer.lock().unwrap();
    let (status, body) = match answer {
        Answer::Status(status) => (status, Body::from("noted")),
        Answer::After(delay) => {
            tokio::time::sleep(delay).await;
            (200, Body::empty())
        }
        Answer::Endless => {
            let chunk = || Ok::<_, std::convert::Infallible>(Bytes::from_static(&[b'.'; 1024]));
            (200, Body::from_stream(stream::repeat_with(chunk)))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert("location", "/elsewhere".parse().unwrap());
    response
}

impl Receipt {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Whether both signature headers hold for the body at `now`, in Unix seconds.
    pub(crate) fn is_signed(&self, secret: &str, now: i64) -> bool {
        let verifier = Verifier::new([secret]).with_tolerance(Duration::ZERO);
        ["terra-signature", "x-terra-signature"]
            .iter()
            .all(|name| verifier.verify(self.header(name), &self.body, now).is_ok())
    }
}
