//! Shared parts of the login tests: servers on loopback, requests, signing keys.

mod issuer;
mod signer;

use std::time::Duration;

use axum::Router;
use http::{HeaderMap, HeaderName, HeaderValue};
use terra_auth_egress::{AddressPolicy, Http, Proxies};
use tokio::net::TcpListener;
use url::Url;

use super::{EndUser, Login, LoginError, RequestCredentials};
pub(super) use issuer::{Answer, Issuer};
pub(super) use signer::{Signer, hs256, unsigned};

pub(super) fn http() -> Http {
    Http::new(AddressPolicy::PlainOnLoopback, Proxies::None).unwrap()
}

/// Serves on loopback until the runtime of the test stops.
pub(super) async fn serve(router: Router) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
    url
}

/// Returns the user of a request with these headers.
pub(super) async fn caller(
    login: &impl Login,
    headers: &[(&'static str, &str)],
) -> Result<Option<EndUser>, LoginError> {
    let read = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut all = HeaderMap::new();
    for (name, value) in headers.iter().map(read) {
        all.append(name, value);
    }
    login.caller(&RequestCredentials { headers: &all, peer: None }).await
}

/// Formats the result of a login in one line.
pub(super) fn told(outcome: &Result<Option<EndUser>, LoginError>) -> String {
    match outcome {
        Ok(Some(identity)) => identity.reference_id.to_string(),
        Ok(None) => "no credentials".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Waits up to 5 s until `happened` returns true, for work in the background.
pub(super) async fn eventually(mut happened: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if happened().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the condition was not met within 5 s");
}
