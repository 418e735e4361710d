//! Checks whether the upstream server sends its events to this gateway.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use terra_auth::{Client, Credentials, RawCall};
use terra_auth_types::redirect::is_loopback;
use url::Url;

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

#[cfg(test)]
mod tests {
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
