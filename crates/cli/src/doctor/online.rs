//! What the API of each environment says, within 5 s a question.

use std::{future::Future, time::Duration};

use futures_util::{TryStreamExt as _, future};
use hyper_util::client::proxy::matcher::Matcher;
use jiff::SignedDuration;
use serde_json::Value;
use terra_auth::{
    Client, Credentials, Environment, Error, RawCall,
    admin::is_terras_own,
    diagnosis::{WidgetCall, streaming_host_answers},
};
use url::{Host, Url};

/// The API of one environment.
pub(crate) struct Online {
    pub(crate) environment: Environment,
    pub(crate) url: Url,
    /// The proxy on the way, as `host:port`.
    pub(crate) proxy: Option<String>,
    pub(crate) answer: Result<Answer, Error>,
    /// If it did not answer through the proxy: whether it does without.
    pub(crate) answers_directly: bool,
    /// The streaming socket's host, if it is not the API's own.
    pub(crate) streaming: Option<Streaming>,
}

/// The host of a streaming socket.
pub(crate) struct Streaming {
    pub(crate) url: Url,
    pub(crate) answer: Result<(), Error>,
    /// If it did not answer: whether Terra's own does, for keys of the hosted API.
    pub(crate) hosted_answers: bool,
}

/// Terra's own host of streaming sockets.
pub(crate) const HOSTED_STREAMING: &str = "wss://ws.tryterra.co";

/// What a server says that is there.
pub(crate) struct Answer {
    /// How far its clock is ahead.
    pub(crate) clock_ahead: Option<SignedDuration>,
    pub(crate) keys: Result<(), Error>,
    /// Connected users, counted up to the cap of the environment; `None` where there is no cap.
    pub(crate) users: Option<usize>,
    /// Whether a server of one's own has no destination for events.
    pub(crate) sends_nowhere: bool,
    /// `None` if the keys were not accepted.
    pub(crate) widget: Option<Result<WidgetCall, Error>>,
    /// Whether mobile tokens without a reference id work; asked of servers of one's own.
    pub(crate) redeems_unbound_tokens: Option<bool>,
}

/// Bounds each question.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Asks all of them at once.
pub(crate) async fn ask(credentials: impl Iterator<Item = &Credentials>) -> Vec<Online> {
    future::join_all(credentials.map(one)).await
}

async fn one(credentials: &Credentials) -> Online {
    let (environment, url) = (credentials.environment, credentials.api_url.clone());
    let proxy = proxy(&url);
    let (answer, streaming) = tokio::join!(answer(credentials), streaming(credentials));
    let answers_directly = proxy.is_some() && answer.is_err() && answers_directly(credentials).await;
    Online { environment, url, proxy, answer, answers_directly, streaming }
}

async fn answer(credentials: &Credentials) -> Result<Answer, Error> {
    let client = builder(credentials).build()?;
    let clock_ahead = client.server_clock_ahead().await?;
    let users = users(&client).await;
    let (keys, users) = match users {
        Ok(users) => (Ok(()), users),
        Err(error) => (Err(error), None),
    };
    let widget = if keys.is_ok() { in_time(client.widget_call()).await } else { None };
    let is_own = keys.is_ok() && !is_terras_own(&credentials.api_url);
    let redeems_unbound_tokens = if is_own { redeems_unbound_tokens(&client, credentials).await } else { None };
    let sends_nowhere = is_own && sends_nowhere(&client, &credentials.api_url).await;
    Ok(Answer { clock_ahead, keys, users, sends_nowhere, widget, redeems_unbound_tokens })
}

async fn redeems_unbound_tokens(client: &Client, credentials: &Credentials) -> Option<bool> {
    in_time(client.redeems_unbound_tokens(&credentials.dev_id, PATIENCE)).await?.ok()?
}

fn builder(credentials: &Credentials) -> terra_auth::ClientBuilder {
    Client::builder(credentials.clone()).connect_timeout(PATIENCE).timeout(PATIENCE).retries(0)
}

/// Asks a server of one's own. A key that may not read the destination says nothing.
async fn sends_nowhere(client: &Client, api_url: &Url) -> bool {
    let path = format!("{}/webhooks/destination", api_url.path().trim_end_matches('/'));
    let Ok(call) = RawCall::new("GET", &path) else { return false };
    let answer = in_time(client.raw(call)).await.and_then(Result::ok).filter(|answer| answer.status == 200);
    let body = answer.and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok());
    body.is_some_and(|body| body.get("destination").is_some_and(Value::is_null))
}

/// The widget call may be on four paths, each with the client's own limit.
async fn in_time<T>(question: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(PATIENCE, question).await.ok()
}

/// A call that both keys open; where there is a cap, one that also counts.
async fn users(client: &Client) -> Result<Option<usize>, Error> {
    use futures_util::StreamExt as _;
    let Some(cap) = client.environment().default_user_limit() else {
        return client.verify_connection().await.map(|_| None);
    };
    let users: Vec<_> = client.subscriptions().take(cap as usize).try_collect().await?;
    Ok(Some(users.len()))
}

async fn streaming(credentials: &Credentials) -> Option<Streaming> {
    let (url, api) = (&credentials.streaming_url, &credentials.api_url);
    let place = |url: &Url| (url.host_str().map(str::to_owned), url.port_or_known_default());
    if place(url) == place(api) {
        return None;
    }
    let answer = streaming_host_answers(url, PATIENCE).await;
    let hosted =
        HOSTED_STREAMING.parse::<Url>().ok().filter(|hosted| answer.is_err() && is_terras_own(api) && hosted != url);
    let hosted_answers = match hosted {
        Some(hosted) => streaming_host_answers(&hosted, PATIENCE).await.is_ok(),
        None => false,
    };
    Some(Streaming { url: url.clone(), answer, hosted_answers })
}

async fn answers_directly(credentials: &Credentials) -> bool {
    match builder(credentials).no_proxy().build() {
        Ok(client) => client.server_clock_ahead().await.is_ok(),
        Err(_) => false,
    }
}

/// The proxy that the client would take, which is none to this machine.
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
