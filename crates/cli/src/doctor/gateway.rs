//! Whether the receiver of webhooks believes what is signed with the secrets here, and nothing else.

use futures_util::future;
use terra_auth::{Credentials, Environment, Error, SigningSecret, diagnosis::deliver};
use url::Url;

use super::online::PATIENCE;
use crate::app;

/// What a receiver answered: statuses, or why there was none.
pub(crate) struct Gateway {
    pub(crate) url: Url,
    /// To an event signed with the environment's secret.
    pub(crate) to_genuine: Vec<(Environment, Result<u16, Error>)>,
    /// To an event signed with a secret that nobody has.
    pub(crate) to_forged: Result<u16, Error>,
}

/// Harmless: nobody is connected or removed by it.
const EVENT: &str = r#"{"type":"healthcheck","status":"success","version":"2022-03-16"}"#;

pub(crate) async fn ask(url: Option<&Url>, credentials: impl Iterator<Item = &Credentials>) -> Option<Gateway> {
    let url = url?;
    let secrets =
        credentials.filter_map(|credentials| Some((credentials.environment, credentials.signing_secret.as_ref()?)));
    let genuine = secrets.map(async |(environment, secret)| (environment, send(url, secret).await));
    let to_genuine = future::join_all(genuine).await;
    let to_forged = send(url, &SigningSecret::from("nobody has this secret")).await;
    Some(Gateway { url: url.clone(), to_genuine, to_forged })
}

async fn send(url: &Url, secret: &SigningSecret) -> Result<u16, Error> {
    deliver(url, secret, EVENT, app::now(), PATIENCE).await
}
