//! Tests whether a webhook receiver accepts events signed with the secrets here, and rejects forged ones.

use futures_util::future;
use terra_auth::{Credentials, Environment, Error, SigningSecret, diagnosis::deliver};
use url::Url;

use super::online::CALL_TIMEOUT;
use crate::app;

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

pub(crate) async fn probe(
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
