use std::{future::pending, num::NonZeroU32, sync::Arc, time::Duration};

use terra_auth_model::{
    clock::{SystemClock, SystemEntropy},
    store::Store,
};
use terra_auth_store::open;
use tokio::time::{sleep, timeout};

use super::{
    credentials,
    upstream::{List, Upstream},
    users,
};
use crate::{
    Gateway, Settings,
    config::{Config, Dependencies},
    settings::{LoginSettings, ReconcileSettings, TrustedHeaderSettings},
};

/// A gateway that reconciles every second.
fn gateway(upstream: &Upstream, store: Store, repair: bool) -> Gateway {
    let trusted_header =
        Some(TrustedHeaderSettings { name: "x-user".to_owned(), peers: vec!["10.0.0.7/32".parse().unwrap()] });
    let settings = Settings {
        login: LoginSettings { trusted_header, ..LoginSettings::default() },
        reconcile: ReconcileSettings { every_s: NonZeroU32::new(1), repair },
        ..Settings::default()
    };
    let credentials = credentials(upstream);
    let config =
        Config { settings, credentials, forward_secret: None, jwt_secret: None, proxy_secret: None, logins: vec![] };
    Gateway::new(&config, Dependencies { store, clock: Arc::new(SystemClock), entropy: Arc::new(SystemEntropy) })
        .unwrap()
}

#[tokio::test]
async fn a_gateway_repairs_only_if_the_settings_allow_it() {
    let upstream = Upstream::start().await;
    upstream.lists(&users(1..=2));
    let store = || async { open(&"sqlite::memory:".into()).await.unwrap() };
    let (one, other) = (gateway(&upstream, store().await, true), gateway(&upstream, store().await, false));
    let known = async |gateway: &Gateway| gateway.inbox().known_connections_page(None, 10).await.unwrap().len();
    let both_see_to_it = async {
        while known(&one).await < 2 {
            sleep(Duration::from_millis(20)).await;
        }
        upstream.lists(&users(1..=3));
        while known(&one).await < 3 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = one.reconcile_regularly(pending()) => {}
        () = other.reconcile_regularly(pending()) => {}
        ended = timeout(Duration::from_secs(20), both_see_to_it) => ended.unwrap(),
    }
    assert_eq!(known(&other).await, 0);
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_a_run() {
    let upstream = Upstream::start().await;
    upstream.lists_so(List::NeverAnswers, 2);
    let gateway = gateway(&upstream, open(&"sqlite::memory:".into()).await.unwrap(), false);
    let asked_to_end = async {
        while upstream.lists_asked() == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(9), gateway.reconcile_regularly(asked_to_end)).await.unwrap();
}
