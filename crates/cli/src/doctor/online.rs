//! Calls the API of each environment, with a timeout of 5 s per call.

use std::{future::Future, time::Duration};

use futures_util::{TryStreamExt as _, future};
use hyper_util::client::proxy::matcher::Matcher;
use jiff::SignedDuration;
use serde_json::Value;
use terra_auth::{
    Client, Credentials, Environment, Error, RawCall, SigningSecret,
    admin::is_hosted_server,
    diagnosis::{WidgetCall, deliver, streaming_host_answers},
};
use url::{Host, Url};

use crate::app;

/// The API of one environment.
pub(crate) struct EnvironmentApi {
    pub(crate) environment: Environment,
    pub(crate) url: Url,
    /// The proxy for the calls, as `host:port`.
    pub(crate) proxy: Option<String>,
    pub(crate) answer: Result<ApiStatus, Error>,
    /// Whether the API responds without the proxy. Tested only if it does not respond through the proxy.
    pub(crate) answers_directly: bool,
    /// The host of the streaming socket, if it differs from the API's.
    pub(crate) streaming: Option<StreamingHost>,
}

/// The host of a streaming socket.
pub(crate) struct StreamingHost {
    pub(crate) url: Url,
    pub(crate) answer: Result<(), Error>,
    /// Whether Terra's own host responds. Tested only for the hosted API, if the configured host does not respond.
    pub(crate) hosted_answers: bool,
}

/// Terra's own host of streaming sockets.
pub(crate) const HOSTED_STREAMING: &str = "wss://ws.tryterra.co";

/// The status of an API that responds.
pub(crate) struct ApiStatus {
    /// How far the server's clock is ahead of this machine's.
    pub(crate) clock_ahead: Option<SignedDuration>,
    pub(crate) keys: Result<(), Error>,
    /// The number of connected users, counted up to the environment's user limit. `None` if there is no limit.
    pub(crate) users: Option<usize>,
    /// Whether the user's own server has no webhook destination.
    pub(crate) lacks_destination: bool,
    /// `None` if the API rejected the keys, or after a timeout.
    pub(crate) widget: Option<Result<WidgetCall, Error>>,
    /// Whether mobile tokens without a reference id are accepted. Only known for the user's own server.
    pub(crate) redeems_unbound_tokens: Option<bool>,
}

/// Timeout of each call.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Calls the APIs of all environments concurrently.
pub(crate) async fn probe(credentials: impl Iterator<Item = &Credentials>) -> Vec<EnvironmentApi> {
    future::join_all(credentials.map(probe_one)).await
}

async fn probe_one(credentials: &Credentials) -> EnvironmentApi {
    let (environment, url) = (credentials.environment, credentials.api_url.clone());
    let proxy = proxy(&url);
    let (status, streaming) = tokio::join!(status(credentials), streaming(credentials));
    let answers_directly = proxy.is_some() && status.is_err() && answers_directly(credentials).await;
    EnvironmentApi { environment, url, proxy, answer: status, answers_directly, streaming }
}

async fn status(credentials: &Credentials) -> Result<ApiStatus, Error> {
    let client = builder(credentials).build()?;
    let clock_ahead = client.server_clock_ahead().await?;
    let users = users(&client).await;
    let (keys, users) = match users {
        Ok(users) => (Ok(()), users),
        Err(error) => (Err(error), None),
    };
    let widget = if keys.is_ok() { with_timeout(client.widget_call()).await } else { None };
    let is_own = keys.is_ok() && !is_hosted_server(&credentials.api_url);
    let redeems_unbound_tokens = if is_own { redeems_unbound_tokens(&client, credentials).await } else { None };
    let lacks_destination = is_own && lacks_destination(&client, &credentials.api_url).await;
    Ok(ApiStatus { clock_ahead, keys, users, lacks_destination, widget, redeems_unbound_tokens })
}

async fn redeems_unbound_tokens(client: &Client, credentials: &Credentials) -> Option<bool> {
    with_timeout(client.redeems_unbound_tokens(&credentials.dev_id, CALL_TIMEOUT)).await?.ok()?
}

fn builder(credentials: &Credentials) -> terra_auth::ClientBuilder {
    Client::builder(credentials.clone()).connect_timeout(CALL_TIMEOUT).timeout(CALL_TIMEOUT).retries(0)
}

/// Whether the user's own server has no destination. False if the key is not allowed to read it.
async fn lacks_destination(client: &Client, api_url: &Url) -> bool {
    let path = format!("{}/webhooks/destination", api_url.path().trim_end_matches('/'));
    let Ok(call) = RawCall::new("GET", &path) else { return false };
    let answer = with_timeout(client.raw(call)).await.and_then(Result::ok).filter(|answer| answer.status == 200);
    let body = answer.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
    body.is_some_and(|body| body.get("destination").is_some_and(Value::is_null))
}

/// Limits a call that makes several requests. For example, the client tries the widget call at four paths, each with
/// its own timeout.
async fn with_timeout<T>(question: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(CALL_TIMEOUT, question).await.ok()
}

/// Makes a call that requires both keys. If the environment has a user limit, also counts the users.
async fn users(client: &Client) -> Result<Option<usize>, Error> {
    use futures_util::StreamExt as _;
    let Some(cap) = client.environment().default_user_limit() else {
        return client.verify_connection().await.map(|_| None);
    };
    let users: Vec<_> = client.subscriptions().take(cap as usize).try_collect().await?;
    Ok(Some(users.len()))
}

async fn streaming(credentials: &Credentials) -> Option<StreamingHost> {
    let (url, api) = (&credentials.streaming_url, &credentials.api_url);
    let authority = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    if authority(url) == authority(api) {
        return None;
    }
    let answer = streaming_host_answers(url, CALL_TIMEOUT).await;
    let hosted =
        HOSTED_STREAMING.parse::<Url>().ok().filter(|hosted| answer.is_err() && is_hosted_server(api) && hosted != url);
    let hosted_answers = match hosted {
        Some(hosted) => streaming_host_answers(&hosted, CALL_TIMEOUT).await.is_ok(),
        None => false,
    };
    Some(StreamingHost { url: url.clone(), answer, hosted_answers })
}

async fn answers_directly(credentials: &Credentials) -> bool {
    match builder(credentials).no_proxy().build() {
        Ok(client) => client.server_clock_ahead().await.is_ok(),
        Err(_) => false,
    }
}

/// The proxy that the client would use. `None` for a server on this machine.
fn proxy(url: &Url) -> Option<String> {
    let is_loopback = match url.host()? {
        Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let proxy = Matcher::from_system().intercept(&url.as_str().parse().ok()?).filter(|_| !is_loopback)?;
    let host = proxy.uri().host()?;
    Some(proxy.uri().port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

/// The responses of a receiver: HTTP statuses, or errors.
pub(crate) struct ReceiverResponses {
    pub(crate) url: Url,
    /// The responses to an event signed with each environment's secret.
    pub(crate) to_genuine: Vec<(Environment, Result<u16, Error>)>,
    /// The response to an event signed with a made-up secret.
    pub(crate) to_forged: Result<u16, Error>,
}

/// A harmless event, which connects or removes no user.
const EVENT: &str = r#"{"type":"healthcheck","status":"success","version":"2022-03-16"}"#;

pub(crate) async fn probe_receiver(
    url: Option<&Url>,
    credentials: impl Iterator<Item = &Credentials>,
) -> Option<ReceiverResponses> {
    let url = url?;
    let secrets =
        credentials.filter_map(|credentials| Some((credentials.environment, credentials.signing_secret.as_ref()?)));
    let genuine = secrets.map(async |(environment, secret)| (environment, send(url, secret).await));
    let to_genuine = future::join_all(genuine).await;
    let to_forged = send(url, &SigningSecret::from("a made-up signing secret")).await;
    Some(ReceiverResponses { url: url.clone(), to_genuine, to_forged })
}

async fn send(url: &Url, secret: &SigningSecret) -> Result<u16, Error> {
    deliver(url, secret, EVENT, app::now(), CALL_TIMEOUT).await
}
