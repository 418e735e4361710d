//! The message of a ready gateway, the webhook destination of its server, and the operator's routes.

use std::{fmt, net::SocketAddr};

use anyhow::Context as _;
use axum::{
    Router,
    http::{HeaderName, HeaderValue, header},
    routing::get,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use serde_json::{Value, json};
use terra_auth::{Client, Credentials, RawCall};
use terra_auth_gateway::{DURATION_SUFFIX, Gateway, describe_metrics};
use terra_auth_model::causes::Causes;
use terra_auth_types::redirect::is_loopback;
use tokio::{
    net::TcpListener,
    time::{Duration, interval},
};
use url::Url;

use super::{
    options::{FORWARD_SECRET, GatewayPaths},
    sources::Sources,
    summary::logins,
};
use crate::credentials::variable;

/// The message that a gateway prints when it is ready.
pub(super) struct Welcome<'a> {
    pub(super) addresses: Addresses,
    pub(super) sources: &'a Sources,
    pub(super) paths: &'a GatewayPaths,
    /// Whether this start has created the secret that signs forwarded events.
    pub(super) created_secret: bool,
    /// The destination to which the server sends its events.
    pub(super) destination: &'a WebhookDestination,
}

/// The URLs of a gateway.
pub(super) struct Addresses {
    url: Url,
    operations: Option<Url>,
}

impl Addresses {
    pub(super) fn of(listener: &TcpListener, operations: Option<&TcpListener>, tls: bool) -> anyhow::Result<Self> {
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}/", listener.local_addr()?).parse()?;
        let operations = match operations {
            Some(listener) => Some(format!("http://{}/", listener.local_addr()?).parse()?),
            None => None,
        };
        Ok(Self { url, operations })
    }

    fn origin(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }
}

impl Welcome<'_> {
    pub(super) fn json(&self) -> Value {
        let config = &self.sources.config;
        let login = logins(&config.settings.login);
        json!({
            "ready": true,
            "url": self.addresses.url,
            "operations_url": self.addresses.operations,
            "webhook_url": format!("{}/webhooks/terra", self.addresses.origin()),
            "environment": config.credentials.environment,
            "dev_id": config.credentials.dev_id,
            "api_url": config.credentials.api_url,
            "login": login.iter().map(|(setting, _)| setting).collect::<Vec<_>>(),
            "allowed_origins": config.settings.cors.allowed_origins,
            "destination": self.destination.url(),
            "forward_to": config.settings.webhooks.forward_to,
            "forward_secret": self.forward_secret(),
            "settings": self.sources.file.path.as_ref().map(|path| path.display().to_string()),
        })
    }

    /// The origin for browsers. It has the host localhost if the app's pages do, because their cookies are not sent
    /// to 127.0.0.1.
    fn origin(&self) -> String {
        let origin = self.addresses.origin();
        let settings = &self.sources.config.settings;
        let app = settings.login.who_am_i.as_ref().and_then(|app| app.url.host_str());
        let pages = settings.cors.allowed_origins.iter().any(|origin| origin.contains("://localhost"));
        let is_local = self.addresses.url.host_str() == Some("127.0.0.1");
        if is_local && (app == Some("localhost") || pages) {
            return origin.replacen("127.0.0.1", "localhost", 1);
        }
        origin.to_owned()
    }

    /// The curl option with the credentials of a logged-in user, for the first configured login method.
    fn curl_option(&self) -> String {
        let login = &self.sources.config.settings.login;
        match (&login.jwt, &login.who_am_i, &login.trusted_header) {
            (Some(_), _, _) if self.passes_token_explicitly() => "-H 'Authorization: Bearer …'".to_owned(),
            (Some(jwt), _, _) => format!("-H 'Cookie: {}=…'", jwt.cookie.as_deref().unwrap_or_default()),
            (None, Some(_), _) => "-H 'Cookie: …'".to_owned(),
            (None, None, Some(header)) => format!("-H '{}: …' # from the proxy:", header.name),
            (None, None, None) => String::new(),
        }
    }

    /// Whether pages pass their token explicitly instead of in a cookie.
    fn passes_token_explicitly(&self) -> bool {
        self.sources.config.settings.login.jwt.as_ref().is_some_and(|jwt| jwt.cookie.is_none())
    }

    /// The variable or file with the secret that signs forwarded events.
    fn forward_secret(&self) -> Option<String> {
        self.sources.config.forward_secret.as_ref()?;
        let file = || self.paths.forward_secret_file().display().to_string();
        Some(variable::secret(FORWARD_SECRET).map_or_else(file, |_| FORWARD_SECRET.to_owned()))
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let config = &self.sources.config;
        let keys = &config.credentials;
        let origins = &config.settings.cors.allowed_origins;
        let pages = if origins.is_empty() { "same origin only".to_owned() } else { origins.join(", ") };
        let mut rows = vec![
            ("Keys", format!("{}, dev-id {}, from {}", keys.environment, keys.dev_id, keys.source)),
            ("API", keys.api_url.to_string()),
        ];
        rows.extend(self.sources.file.path.as_ref().map(|path| ("Settings", path.display().to_string())));
        rows.extend(logins(&config.settings.login).into_iter().map(|(_, login)| ("Login", login)));
        rows.push(("Pages", pages));
        rows.push(("Webhooks", self.destination.description()));
        rows.push(("Events", self.events()));
        rows.extend(self.addresses.operations.as_ref().map(|url| ("Operations", format!("{url}metrics"))));
        rows
    }

    fn events(&self) -> String {
        let Some(url) = &self.sources.config.settings.webhooks.forward_to else {
            return "stored; add --forward-to to forward them to the app".to_owned();
        };
        let created = if self.created_secret { " (created now)" } else { "" };
        format!("forwarded to {url}, signed with the secret in {}{created}", self.forward_secret().unwrap_or_default())
    }
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin();
        writeln!(f, "terra-auth {} gateway listening at {origin}\n", env!("CARGO_PKG_VERSION"))?;
        for (name, value) in self.rows() {
            writeln!(f, "  {name:<10} {value}")?;
        }
        write!(
            f,
            "\nTry this with the login of a user of the app:\n\n  \
             curl -X POST {} {origin}/api/terra/mobile-token\n\n\
             In a page of the app:\n\n  \
             import {{ createTerra }} from \"{origin}/terra.js\";\n  \
             button.onclick = () => createTerra({}).connect();\n\n\
             Press Ctrl-C to stop; send SIGHUP to reload settings, keys and secrets.\n",
            self.curl_option(),
            if self.passes_token_explicitly() { "{ token: () => yourToken }" } else { "" },
        )
    }
}

/// Short, because a server that does not run yet must not delay the start of the gateway.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The URL to which a server sends its events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum WebhookDestination {
    /// Terra's hosted API, whose destination is set in its dashboard.
    Hosted,
    /// The server did not return its destination.
    Unknown,
    /// The server has a destination.
    Set(String),
    /// The server had no destination, and this start has set the gateway's URL.
    SetByStart(String),
    /// The server has no destination.
    Missing {
        /// The command that sets it.
        command: String,
    },
}

impl WebhookDestination {
    /// Reads the destination from the user's own server. If a server on this machine has none, sets it to this gateway.
    pub(super) async fn find_or_set(credentials: &Credentials, listen: SocketAddr, tls: bool) -> Self {
        let host = credentials.api_url.host_str().unwrap_or_default();
        if host == "tryterra.co" || host.ends_with(".tryterra.co") {
            return Self::Hosted;
        }
        let client = Client::builder(credentials.clone()).connect_timeout(TIMEOUT).timeout(TIMEOUT).retries(0).build();
        let Ok(client) = client else { return Self::Unknown };
        let path = format!("{}/webhooks/destination", credentials.api_url.path().trim_end_matches('/'));
        let own = own_url(listen, tls);
        match call(&client, "GET", &path, None).await {
            Some(Value::String(url)) => Self::Set(url),
            Some(Value::Null) if is_loopback(&credentials.api_url) && !tls => {
                match call(&client, "PUT", &path, Some(&json!({ "destination": own }))).await {
                    Some(Value::String(url)) => Self::SetByStart(url),
                    _ => Self::Missing { command: command(&path, &own) },
                }
            }
            Some(Value::Null) => Self::Missing { command: command(&path, "https://GATEWAY.EXAMPLE/webhooks/terra") },
            _ => Self::Unknown,
        }
    }

    pub(super) fn url(&self) -> Option<&str> {
        match self {
            Self::Set(url) | Self::SetByStart(url) => Some(url),
            Self::Hosted | Self::Unknown | Self::Missing { .. } => None,
        }
    }

    /// The destination as a sentence for the terminal.
    pub(super) fn description(&self) -> String {
        match self {
            Self::Hosted => {
                "in Terra's dashboard, set the destination to /webhooks/terra at this gateway's public address"
                    .to_owned()
            }
            Self::Unknown => {
                "the server did not return its destination; it should be /webhooks/terra at this gateway".to_owned()
            }
            Self::Set(url) => format!("the server sends them to {url}"),
            Self::SetByStart(url) => format!("the server sends them to {url} (set by this start)"),
            Self::Missing { .. } => "the server has no destination".to_owned(),
        }
    }

    pub(super) fn warning(&self) -> Option<String> {
        let Self::Missing { command } = self else { return None };
        Some(format!("the server has no destination, so the gateway receives no events: run `{command}`"))
    }
}

fn command(path: &str, url: &str) -> String {
    format!("terra-auth api PUT {path} -f destination={url}")
}

fn own_url(listen: SocketAddr, tls: bool) -> String {
    let host = if listen.ip().is_unspecified() { "127.0.0.1".to_owned() } else { listen.ip().to_string() };
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    let scheme = if tls { "https" } else { "http" };
    let url = format!("{scheme}://{host}:{}/webhooks/terra", listen.port());
    url.parse::<Url>().map_or(url, |url| url.to_string())
}

/// The destination in the response. `None` if the call fails or the response has none.
async fn call(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Option<Value> {
    let call = RawCall::new(method, path).ok()?;
    let call = match body {
        Some(body) => call.body(body.to_string().into_bytes()),
        None => call,
    };
    let answer = client.raw(call).await.ok().filter(|answer| answer.status == 200)?;
    serde_json::from_slice::<Value>(&answer.body).ok()?.get("destination").cloned()
}

/// Upper bounds in seconds: from a response out of memory to the longest call.
const DURATION_BUCKETS_S: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// How often samples are moved to their buckets.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

const METRICS_HEADERS: [(HeaderName, HeaderValue); 1] =
    [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"))];

/// Starts recording the gateway's metrics.
pub(super) fn install_recorder() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix(DURATION_SUFFIX.to_owned()), &DURATION_BUCKETS_S);
    let handle = builder.and_then(PrometheusBuilder::install_recorder).context("could not start recording metrics")?;
    describe_metrics();
    Ok(handle)
}

/// The routes of the operator's listener.
pub(super) fn router(gateway: &Gateway, handle: PrometheusHandle) -> Router {
    let measured = gateway.clone();
    let metrics = move || async move {
        if let Err(error) = measured.measure().await {
            tracing::warn!(error = %Causes(&error), "could not count the events");
        }
        (METRICS_HEADERS, handle.render())
    };
    gateway.operations().route("/metrics", get(metrics))
}

/// Moves samples to their buckets regularly. Otherwise they accumulate while nothing reads the metrics.
pub(super) async fn run_upkeep(handle: PrometheusHandle, shutdown: impl Future<Output = ()>) {
    tokio::pin!(shutdown);
    let mut turns = interval(UPKEEP_INTERVAL);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            _ = turns.tick() => handle.run_upkeep(),
        }
    }
}

#[cfg(test)]
mod destination_tests {
    use super::own_url;

    #[test]
    fn the_own_url_is_on_loopback_for_every_local_listen_address() {
        for (listen, expected) in [
            ("127.0.0.1:8790", "http://127.0.0.1:8790/webhooks/terra"),
            ("0.0.0.0:8790", "http://127.0.0.1:8790/webhooks/terra"),
            ("[::1]:8790", "http://[::1]:8790/webhooks/terra"),
        ] {
            assert_eq!(own_url(listen.parse().unwrap(), false), expected);
        }
    }
}
