//! A person at a real browser, and an app to come back to.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use axum::{
    Router,
    extract::Path,
    http::header::CONTENT_TYPE,
    response::Html,
    routing::{get, post},
};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use terra_auth_sandbox::ProviderProfile;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use url::Url;

use crate::support::TestApp;

/// Somebody with a browser of their own: no cookies yet.
#[derive(Serialize)]
pub(crate) struct Visitor {
    locale: &'static str,
    java_script: bool,
    /// Everything that a page may ask.
    origins: Vec<String>,
    /// Where pictures go.
    shots: &'static str,
    #[serde(skip)]
    app: Url,
    #[serde(skip)]
    widget: Url,
}

/// What a visitor does. All but those with a focus, a checkbox or the clock in them lead to another page.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Step {
    /// The URL.
    Open(Url),
    Reload,
    Back,
    /// The name of a link or button.
    Click(&'static str),
    /// The value of a checkbox.
    Untick(&'static str),
    /// Chosen on the sandbox's consent page.
    MakeTrouble(&'static str),
    /// The name of what is to have the focus.
    TabTo(&'static str),
    Type(&'static str),
    Enter,
    /// Moves the server's clock.
    Later(Url),
    /// Keeps pictures of the page under this name.
    Shoot(&'static str),
}

/// What a visitor met.
#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    /// In the order in which they were met.
    pub(crate) pages: Vec<Page>,
    problems: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) url: String,
    pub(crate) status: u16,
    pub(crate) lang: String,
    pub(crate) title: String,
    pub(crate) heading: String,
    pub(crate) text: String,
    /// All that the browser keeps while it shows the page.
    pub(crate) cookies: Vec<Cookie>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cookie {
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) path: String,
    pub(crate) http_only: bool,
    pub(crate) same_site: String,
}

impl Visitor {
    /// The app has pages of its own, on another port.
    pub(crate) async fn of(app: &TestApp) -> Self {
        let clock = app.clock.clone();
        let later = move |Path(seconds)| async move { clock.advance(SignedDuration::from_secs(seconds)) };
        let router = Router::new()
            .route("/logo.svg", get(|| async { ([(CONTENT_TYPE, "image/svg+xml")], LOGO) }))
            .route("/{end}", get(|| async { Html(LANDING) }))
            .route("/later/{seconds}", post(later));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(axum::serve(listener, router).into_future());
        let widget = app.auth.widget_url().clone();
        let origins = [&url, &widget, &app.sandbox.issuer(&ProviderProfile::FITBIT)]
            .map(|url| url.origin().ascii_serialization())
            .into();
        Self { locale: "en-GB", java_script: true, origins, shots: SHOTS, app: url, widget }
    }

    pub(crate) fn speaking(self, locale: &'static str) -> Self {
        Self { locale, ..self }
    }

    pub(crate) fn without_java_script(self) -> Self {
        Self { java_script: false, ..self }
    }

    /// A page of the app.
    pub(crate) fn app(&self, path: &str) -> Url {
        self.app.join(path).unwrap()
    }

    /// A page of the widget.
    pub(crate) fn widget(&self, path: &str) -> Url {
        self.widget.join(path).unwrap()
    }

    pub(crate) fn later(&self, seconds: u32) -> Step {
        Step::Later(self.app(&format!("later/{seconds}")))
    }

    /// Opens a page of the widget and goes on from there. Every page on the way is accessible, fits the screen and asks
    /// nobody else for anything.
    pub(crate) async fn walk(&self, path: &str, steps: impl IntoIterator<Item = Step>) -> Seen {
        let mut order = serde_json::to_value(self).unwrap();
        let steps: Vec<_> = std::iter::once(Step::Open(self.widget(path))).chain(steps).collect();
        order["steps"] = serde_json::to_value(steps).unwrap();
        let seen = ask(&order).await;
        assert!(seen.problems.is_empty(), "{seen:#?}");
        seen
    }
}

impl Seen {
    pub(crate) fn headings(&self) -> Vec<&str> {
        self.pages.iter().map(|page| page.heading.as_str()).collect()
    }

    pub(crate) fn last(&self) -> &Page {
        self.pages.last().unwrap()
    }

    /// The address and the status of the last page.
    pub(crate) fn end(&self) -> (&str, u16) {
        (&self.last().url, self.last().status)
    }
}

const LANDING: &str = "<!doctype html><html lang=en><title>Acme</title><main><h1>Back in the app</h1></main></html>";

const LOGO: &str =
    r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><path fill="#d6336c" d="M20 3 37 37H3Z"/></svg>"##;
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/browser/walk.mjs");
const SHOTS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/../browser-screenshots");

async fn ask(order: &Value) -> Seen {
    let mut stream = TcpStream::connect(("127.0.0.1", port())).await.unwrap();
    stream.write_all(order.to_string().as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

/// The one browser of all tests in this process. It ends when its input does, which is when the process ends.
fn port() -> u16 {
    static BROWSER: OnceLock<Result<(u16, Child), String>> = OnceLock::new();
    match BROWSER.get_or_init(start) {
        Ok((port, _)) => *port,
        Err(missing) => panic!("no browser for this test: {missing}; tests/browser/setup.sh puts it right"),
    }
}

fn start() -> Result<(u16, Child), String> {
    let mut node = Command::new("node");
    let mut node = node
        .arg(SCRIPT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("node cannot be started: {error}"))?;
    let mut line = String::new();
    BufReader::new(node.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let said: Value = serde_json::from_str(&line).unwrap_or_default();
    let port = said["port"].as_u64().and_then(|port| port.try_into().ok());
    port.map(|port| (port, node)).ok_or_else(|| said["missing"].as_str().unwrap_or("node ended early").to_owned())
}
