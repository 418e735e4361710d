//! The baseline: the provider's limit for the same number of refreshes and callers with the same
//! HTTP client, but without storing anything.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::http::{HeaderMap, HeaderValue, header};
use secrecy::ExposeSecret as _;
use terra_auth_cli_testkit::refresh::practice::{CLIENT_ID, CLIENT_SECRET, PROFILE, Practice};
use terra_auth_egress::{AddressPolicy, Bounds, Http, Proxies};
use terra_auth_model::clock::SystemClock;
use tokio::task::JoinSet;
use url::{Url, form_urlencoded::Serializer};

use crate::{CONCURRENCY, NODES};

const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(10), size_bytes: 64 * 1024 };

/// The provider's refreshes per second.
pub(crate) async fn rate(number: usize) -> f64 {
    let practice = Practice::start(Arc::new(SystemClock));
    let calls: Arc<Vec<_>> = Arc::new((0..number).map(|n| form(&practice, n)).collect());
    let url: Url = format!("{}/oura/token", practice.base).parse().unwrap();
    let next = Arc::<AtomicUsize>::default();
    let rate = crate::rate(number, async {
        let mut callers = JoinSet::new();
        for _ in 0..NODES {
            let http = Http::new(AddressPolicy::AllowPrivate, Proxies::None).unwrap();
            for _ in 0..CONCURRENCY {
                callers.spawn(call(http.clone(), url.clone(), Arc::clone(&calls), Arc::clone(&next)));
            }
        }
        callers.join_all().await;
    })
    .await;
    assert_eq!(practice.refreshed_once(), number);
    rate
}

async fn call(http: Http, url: Url, calls: Arc<Vec<Vec<u8>>>, next: Arc<AtomicUsize>) {
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, form)]);
    while let Some(body) = calls.get(next.fetch_add(1, Ordering::Relaxed)) {
        let answer = http.post(&url, headers.clone(), body.clone(), BOUNDS).await.unwrap();
        assert_eq!(answer.status, 200);
    }
}

fn form(practice: &Practice, number: usize) -> Vec<u8> {
    let token = practice.sandbox.create_grant(PROFILE, &format!("person-{number}")).refresh_token.unwrap();
    let mut form = Serializer::new(String::new());
    form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", token.expose_secret());
    form.append_pair("client_id", CLIENT_ID).append_pair("client_secret", CLIENT_SECRET);
    form.finish().into_bytes()
}
