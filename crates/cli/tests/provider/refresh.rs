//! Access tokens that end, and grants that the provider ends.

use serde_json::json;
use terra_auth_testkit::Postgres;

use crate::support::{
    ROTATES, Site,
    disk::{assert_sealed_in_dump, assert_sealed_in_folder},
    eventually,
    oauth_server::Exchange,
};

#[tokio::test]
async fn a_connection_outlives_its_first_tokens_and_the_rotated_ones_die_with_it() {
    let (site, _node) = Site::new(ROTATES, None).await;
    site.provider.set(json!({ "access_ttl_s": 3 })).await;
    let user = site.connect("alice").await;
    site.provider.set(json!({ "access_ttl_s": 3600 })).await;
    let login = site.provider.exchanges().await.remove(0);
    let refresh = eventually("the tokens are refreshed", async || site.refreshes().await.pop()).await;
    eventually("the first token ends", async || (!site.provider.is_active(&login.access_token()).await).then_some(()))
        .await;

    assert_eq!(refresh.sent, Some(login.refresh_token()));
    assert_eq!(site.provider.active(&login.tokens()).await, [false, false]);
    assert_eq!(site.provider.active(&refresh.tokens()).await, [true, true]);
    assert!(site.is_active(user).await);
    assert_sealed_in_folder(&site.folder.path(".terra-auth"), &[login.tokens(), refresh.tokens()].concat());

    site.client.deauthenticate_user(user).await.unwrap();
    eventually("the tokens are dead at the provider", async || {
        (site.provider.active(&refresh.tokens()).await == [false, false]).then_some(())
    })
    .await;
    assert_eq!(site.refreshes().await.len(), 1);
}

#[tokio::test]
async fn a_grant_that_the_provider_ends_is_told_to_the_app_once() {
    let (site, _node) = Site::new(ROTATES, None).await;
    site.provider.set(json!({ "access_ttl_s": 3 })).await;
    let user = site.connect("carol").await;
    let login = site.provider.exchanges().await.remove(0);
    site.provider.revoke(&login.refresh_token()).await;

    eventually("the connection does not count as working", async || (!site.is_active(user).await).then_some(())).await;
    site.client.deauthenticate_user(user).await.unwrap();
    eventually("the app hears of the end", async || site.events("deauth").pop()).await;
    let [revoked] = &site.events("access_revoked")[..] else { panic!("the app hears of the revocation, once") };
    assert_eq!(revoked["user"]["user_id"], user.to_string());
    assert_eq!((site.refreshes().await.len(), site.events("connection_error").len()), (1, 0));
}

#[tokio::test]
async fn two_nodes_of_one_database_refresh_each_connection_once() {
    let database = Postgres::start().database();
    let (site, _first) = Site::new(ROTATES, Some(database.url())).await;
    site.provider.set(json!({ "access_ttl_s": 3 })).await;
    let users = [site.connect("dora").await, site.connect("emil").await, site.connect("fred").await];
    // So long that the other node finds what the first is at.
    site.provider.set(json!({ "access_ttl_s": 3600, "hold_work_ms": 500 })).await;
    let _second = site.another_node();
    let refreshes = eventually("everybody's tokens are refreshed", async || {
        Some(site.refreshes().await).filter(|refreshes| refreshes.len() >= users.len())
    })
    .await;

    let tokens: Vec<_> = refreshes.iter().flat_map(Exchange::tokens).collect();
    for user in users {
        assert!(site.is_active(user).await);
    }
    for token in &tokens {
        assert!(site.provider.is_active(token).await);
    }
    assert_eq!(site.refreshes().await.len(), users.len());
    assert_sealed_in_dump(&database.url(), &tokens);
}
