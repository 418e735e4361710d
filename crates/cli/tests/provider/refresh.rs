//! Access tokens that expire, and grants that the provider revokes.

use futures_util::future::join_all;
use serde_json::{Value, json};
use terra_auth::UserId;
use terra_auth_testkit::Postgres;

use crate::support::{
    Node, SINGLE_USE_REFRESH, Site,
    disk::{assert_sealed_in_dump, assert_sealed_in_folder},
    eventually,
};

#[tokio::test]
async fn an_expired_token_is_refreshed_on_use_and_revoked_by_deauthentication() {
    let (site, node) = Site::new(SINGLE_USE_REFRESH, None).await;
    site.provider.set(json!({ "access_ttl_s": 3 })).await;
    let user = site.connect("alice").await;
    site.provider.set(json!({ "access_ttl_s": 3600 })).await;
    let login = site.provider.exchanges().await.remove(0);
    eventually("the access token expires", async || {
        (!site.provider.is_active(&login.access_token()).await).then_some(())
    })
    .await;

    let issued = [node.access_token(&site, user).await, node.access_token(&site, user).await];
    let [refresh] = &site.refreshes().await[..] else { panic!("expected one refresh") };
    assert_eq!(issued, [refresh.access_token(), refresh.access_token()]);
    assert_eq!(refresh.sent, Some(login.refresh_token()));
    assert_eq!(site.provider.active(&refresh.tokens()).await, [true, true]);
    assert_eq!(site.provider.active(&login.tokens()).await, [false, false]);
    assert_sealed_in_folder(&site.folder.path(".terra-auth"), &[login.tokens(), refresh.tokens()].concat());

    site.client.deauthenticate_user(user).await.unwrap();
    eventually("the provider has revoked the tokens", async || {
        (site.provider.active(&refresh.tokens()).await == [false, false]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_app_is_notified_once_of_a_grant_that_the_provider_revoked() {
    let (site, node) = Site::new(SINGLE_USE_REFRESH, None).await;
    site.provider.set(json!({ "access_ttl_s": 50 })).await;
    let user = site.connect("carol").await;
    let login = site.provider.exchanges().await.remove(0);
    site.provider.revoke(&login.refresh_token()).await;

    for _ in 0..3 {
        let refused = node.issue_access_token(&site, user).await.unwrap();
        let code: Value = serde_json::from_str(&refused.text).unwrap();
        assert_eq!((refused.status.as_u16(), &code["code"]), (409, &json!("revoked")), "{}", refused.text);
    }
    assert!(!site.is_active(user).await);
    site.client.deauthenticate_user(user).await.unwrap();
    eventually("the app receives the deauth event", async || site.events("deauth").pop()).await;
    let [revoked] = &site.events("access_revoked")[..] else { panic!("expected one access_revoked event") };
    assert_eq!(revoked["user"]["user_id"], user.to_string());
    assert_eq!((site.refreshes().await.len(), site.events("connection_error").len()), (1, 0));
}

#[tokio::test]
async fn two_nodes_that_need_the_same_token_refresh_it_once() {
    let database = Postgres::start().database();
    let (site, first) = Site::new(SINGLE_USE_REFRESH, Some(database.url())).await;
    let second = site.another_node();
    // Too short a lifetime to be issued to a worker, but long enough that no node refreshes the
    // token by itself.
    site.provider.set(json!({ "access_ttl_s": 50 })).await;
    let user = site.connect("dora").await;
    site.provider.set(json!({ "access_ttl_s": 3600, "hold_work_ms": 500 })).await;
    let all = join_all([&first, &second].repeat(4).into_iter().map(|node| node.access_token(&site, user)));
    let issued = all.await;

    let [refresh] = &site.refreshes().await[..] else { panic!("expected one refresh") };
    assert_eq!(issued, vec![refresh.access_token(); 8]);
    assert_eq!(site.provider.active(&refresh.tokens()).await, [true, true]);
    let login = site.provider.exchanges().await.remove(0);
    assert_sealed_in_dump(&database.url(), &[login.tokens(), refresh.tokens()].concat());
}

#[tokio::test]
async fn no_refresh_token_is_sent_twice_under_concurrent_use() {
    let database = Postgres::start().database();
    let (site, first) = Site::new(&format!("{SINGLE_USE_REFRESH}, ahead_s = 30"), Some(database.url())).await;
    let second = site.another_node();
    // With this lifetime, every use refreshes the token. A refresh by itself is due only 30 s
    // before the expiry.
    site.provider.set(json!({ "access_ttl_s": 50 })).await;
    let user = site.connect("emil").await;
    join_all([&first, &second].repeat(3).into_iter().map(|node| use_often(node, &site, user))).await;

    let refreshes = site.refreshes().await;
    let mut sent: Vec<_> = refreshes.iter().map(|refresh| refresh.sent.as_deref().unwrap()).collect();
    sent.sort_unstable();
    sent.dedup();
    assert!(refreshes.len() > 5 && sent.len() == refreshes.len(), "{} of {}", sent.len(), refreshes.len());
    assert_eq!(site.provider.active(&refreshes.last().unwrap().tokens()).await, [true, true]);
    assert!(site.is_active(user).await);
}

async fn use_often(node: &Node, site: &Site, user: UserId) {
    for _ in 0..5 {
        node.access_token(site, user).await;
    }
}
