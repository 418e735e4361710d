//! Whether the server in front of which this gateway stands sends its events here.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use terra_auth::{Client, Credentials, RawCall};
use terra_auth_core::redirect::is_loopback;
use url::Url;

/// A server that is not there yet must not delay the start.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Where a server sends its events.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Destination {
    /// Terra's own API: its dashboard says.
    Hosted,
    /// The server did not say.
    Unknown,
    /// It has one.
    Set(String),
    /// It had none, and has this gateway now.
    SetNow(String),
    /// It has none.
    Nowhere {
        /// Sets it.
        command: String,
    },
}

impl Destination {
    /// Asks a server of one's own. On this machine, one that sends its events nowhere is told to send them here.
    pub(super) async fn of(credentials: &Credentials, listen: SocketAddr, tls: bool) -> Self {
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
                    Some(Value::String(url)) => Self::SetNow(url),
                    _ => Self::Nowhere { command: command(&path, &own) },
                }
            }
            Some(Value::Null) => Self::Nowhere { command: command(&path, "https://GATEWAY.EXAMPLE/webhooks/terra") },
            _ => Self::Unknown,
        }
    }

    pub(super) fn url(&self) -> Option<&str> {
        match self {
            Self::Set(url) | Self::SetNow(url) => Some(url),
            Self::Hosted | Self::Unknown | Self::Nowhere { .. } => None,
        }
    }

    /// For people, who see the address that is expected in `own`.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Hosted => {
                "let Terra's dashboard send events to /webhooks/terra of this gateway's public address".to_owned()
            }
            Self::Unknown => {
                "the server did not say where it sends events; it should be /webhooks/terra here".to_owned()
            }
            Self::Set(url) => format!("the server sends them to {url}"),
            Self::SetNow(url) => format!("the server sends them to {url}, as this start told it"),
            Self::Nowhere { .. } => "the server sends them nowhere".to_owned(),
        }
    }

    pub(super) fn warning(&self) -> Option<String> {
        let Self::Nowhere { command } = self else { return None };
        Some(format!("the server sends its events nowhere, so connections stay unknown here: run `{command}`"))
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

/// The destination in the answer, `None` if there is no such answer.
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
    fn a_gateway_is_reached_on_loopback_wherever_it_listens() {
        for (listen, expected) in [
            ("127.0.0.1:8790", "http://127.0.0.1:8790/webhooks/terra"),
            ("0.0.0.0:8790", "http://127.0.0.1:8790/webhooks/terra"),
            ("[::1]:8790", "http://[::1]:8790/webhooks/terra"),
        ] {
            assert_eq!(own_url(listen.parse().unwrap(), false), expected);
        }
    }
}
