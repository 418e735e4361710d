use std::{
    fmt, fs,
    io::Write as _,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use axum::{
    Json, Router,
    http::{HeaderMap, Method, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const DEV_ID: &str = "acme-testing-0000000000";
pub(crate) const API_KEY: &str = "test-key-not-a-secret";
pub(crate) const SIGNING_SECRET: &str = "signing-not-a-secret";
pub(crate) const FILE: &str = ".env.terra.testing";

/// The one user that the scripted API knows.
pub(crate) const USER: &str = "00000000-0000-4000-8000-000000000001";
pub(crate) const NOBODY: &str = "00000000-0000-4000-8000-000000000002";

/// A folder to run the command in, without any keys in the environment.
pub(crate) struct Folder {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// With a credential file that fits the API at `url`.
    pub(crate) fn with_keys(url: &str) -> Self {
        let folder = Self::new();
        let keys = format!("TERRA_DEV_ID={DEV_ID}\nTERRA_API_KEY={API_KEY}\nTERRA_API_URL={url}\n");
        folder.write(FILE, &format!("{keys}TERRA_SIGNING_SECRET={SIGNING_SECRET}\n"));
        folder
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Writes a file that only its owner can open.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let mut new = tempfile::NamedTempFile::new_in(self.dir.path()).unwrap();
        new.write_all(text.as_bytes()).unwrap();
        new.persist(self.path(file)).unwrap();
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    pub(crate) fn has(&self, file: &str) -> bool {
        self.path(file).exists()
    }

    /// Runs `terra-auth` with the words of `arguments`.
    pub(crate) fn run(&self, arguments: &str) -> Answer {
        self.run_with(arguments, "")
    }

    /// The same with something on standard input.
    pub(crate) fn run_with(&self, arguments: &str, stdin: &str) -> Answer {
        self.start(env!("CARGO_BIN_EXE_terra-auth"), arguments, stdin)
    }

    pub(crate) fn git(&self, arguments: &str) {
        let answer = self.start("git", &format!("-c user.name=a -c user.email=a@example.com {arguments}"), "");
        assert_eq!(answer.code, 0, "{answer}");
    }

    fn start(&self, program: &str, arguments: &str, stdin: &str) -> Answer {
        let mut command = Command::new(program);
        command.args(arguments.split_whitespace()).current_dir(self.dir.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.dir.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// What a command wrote, and its exit code.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "exit {code}\n{stdout}{}{stderr}", if stderr.is_empty() { "" } else { "--- stderr\n" })
    }
}

/// Starts an API that knows one environment and one user; returns its URL.
pub(crate) fn api() -> String {
    serve(Router::new().fallback(answer))
}

/// Serves on a thread of its own; answers with the URL.
pub(crate) fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/v2", listener.local_addr().unwrap());
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await
        })
    });
    url
}

/// An address where nobody answers.
pub(crate) fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/v2", listener.local_addr().unwrap())
}

async fn answer(method: Method, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let (path, query) = (uri.path(), uri.query().unwrap_or_default());
    let keys = ["dev-id", "x-api-key"].map(|name| headers.get(name).map(|value| value.to_str().unwrap()));
    if path == "/v2/integrations/detailed" {
        return Json(integrations()).into_response();
    }
    if keys != [Some(DEV_ID), Some(API_KEY)] {
        return refusal(StatusCode::UNAUTHORIZED, "unknown dev-id or x-api-key");
    }
    match (method.as_str(), path) {
        ("GET", "/v2/subscriptions") => Json(json!({ "next": null, "results": [user(), user()] })).into_response(),
        ("POST", "/v2/auth/tokens") => Json(json!({ "token": "a-mobile-token", "expires_in": 180 })).into_response(),
        ("POST", "/api/widget/session") => session(&body),
        ("GET", "/v2/userInfo") if query.starts_with("reference_id=") => Json(json!([user()])).into_response(),
        ("GET", "/v2/userInfo") if query.ends_with(USER) => {
            Json(json!({ "user": user(), "is_authenticated": true })).into_response()
        }
        ("DELETE", "/v2/auth/deauthenticateUser") if query.ends_with(USER) => {
            Json(json!({ "status": "success" })).into_response()
        }
        _ => refusal(StatusCode::NOT_FOUND, "user not found"),
    }
}

fn refusal(status: StatusCode, detail: &str) -> Response {
    let problem = json!({ "type": "about:blank", "title": "refused", "instance": "/", "detail": detail });
    (status, [("x-terra-trace-id", "trace-1")], Json(problem)).into_response()
}

fn session(body: &str) -> Response {
    let asked: Value = serde_json::from_str(body).unwrap();
    let url = format!("http://127.0.0.1:1/session/{USER}?language={}", asked["language"].as_str().unwrap_or("none"));
    let warnings = asked["providers"].as_str().filter(|names| names.contains("NOSUCH")).map(|_| "NOSUCH is unknown");
    let session = json!({ "session_id": USER, "url": url, "expires_in": 900, "warnings": Vec::from_iter(warnings) });
    (StatusCode::CREATED, Json(session)).into_response()
}

fn integrations() -> Value {
    let icon = "https://app.example.com/fitbit.webp";
    json!({ "providers": [
        { "provider": "FITBIT", "name": "Fitbit", "icon": icon, "enabled": true, "types": { "sleep": true } },
        { "provider": "OURA", "name": "Oura\u{1b}[31m", "enabled": false },
    ] })
}

fn user() -> Value {
    json!({
        "user_id": USER, "provider": "FITBIT", "reference_id": "alice", "active": true,
        "created_at": "2030-01-01T10:00:00.000000+00:00", "scopes": "sleep", "last_webhook_update": null,
    })
}
