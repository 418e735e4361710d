use std::sync::{Arc, Mutex};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::Response,
};
use serde_json::Value;
use terra_auth::{Client, ClientBuilder, Credentials, Environment, UserId, admin::AdminClient};
use tokio::net::{TcpListener, TcpSocket};

pub(crate) const API_KEY: &str = "test-key-not-a-secret";

pub(crate) const ADMIN_TOKEN: &str = "admin-token-not-a-secret";

/// A server that stores its requests and responds as the test chooses.
pub(crate) struct Peer {
    pub(crate) address: String,
    seen: Arc<Mutex<Vec<RecordedRequest>>>,
}

/// One request.
#[derive(Clone)]
pub(crate) struct RecordedRequest {
    /// Method, path and query, as in `GET /v2/userInfo?user_id=1`.
    pub(crate) line: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Peer {
    /// Starts a server. `answer` gets the request and the number of earlier requests.
    pub(crate) async fn start(
        answer: impl Fn(&RecordedRequest, usize) -> Response + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let app = Router::new().fallback(async move |request: Request| {
            let request = read(request).await;
            let before = {
                let mut log = log.lock().unwrap();
                log.push(request.clone());
                log.len() - 1
            };
            answer(&request, before)
        });
        tokio::spawn(axum::serve(listener, app).into_future());
        Self { address, seen }
    }

    /// Starts a server with one response for all requests.
    pub(crate) async fn always(status: u16, body: &'static str) -> Self {
        Self::start(move |_, _| answer(status, body)).await
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder(credentials(&self.address)).clock(Arc::new(|| "2030-01-01T00:00:00Z".parse().unwrap()))
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }

    pub(crate) fn admin(&self) -> AdminClient {
        AdminClient::new(&format!("http://{}/v2", self.address).parse().unwrap(), &ADMIN_TOKEN.into()).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<RecordedRequest> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

/// Returns an address that refuses every connection. The socket reserves it, so no other test gets it.
pub(crate) fn unreachable_address() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

pub(crate) fn credentials(address: &str) -> Credentials {
    let dev_id = "acme-testing-0000000000".parse().unwrap();
    let mut credentials = Credentials::new(Environment::Testing, dev_id, API_KEY.into());
    credentials.api_url = format!("http://{address}/v2").parse().unwrap();
    credentials.streaming_url = format!("ws://{address}").parse().unwrap();
    credentials
}

async fn read(request: Request) -> RecordedRequest {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    RecordedRequest {
        line: format!("{} {}", head.method, head.uri),
        headers: head.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

pub(crate) fn answer(status: u16, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response.headers_mut().insert(CONTENT_TYPE, "application/json".parse().unwrap());
    response
}

pub(crate) fn with(mut response: Response, name: &'static str, value: &str) -> Response {
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

pub(crate) fn json(body: &Value) -> Response {
    answer(200, body.to_string())
}

pub(crate) fn user_id(n: u32) -> UserId {
    format!("00000000-0000-4000-8000-{n:012}").parse().unwrap()
}

pub(crate) fn user(n: u32) -> Value {
    serde_json::json!({"user_id": user_id(n).to_string(), "provider": "FITBIT", "created_at": null,
        "last_webhook_update": null, "scopes": null, "reference_id": "alice", "active": true})
}
