//! Access tokens that end, and grants that the provider ends.

use futures_util::future::join_all;
use serde_json::{Value, json};
use terra_auth::UserId;
use terra_auth_testkit::Postgres;

use crate::support::{
    Node, ROTATES, Site,
    disk::{assert_sealed_in_dump, assert_sealed_in_folder},
    eventually,
};

#[tokio::test]
async fn a_connection_that_is_used_past_its_token_s_end_has_new_tokens_and_they_die_with_it() {
    let (site, node) = Site::new(ROTATES, None).await;
    site.provider.set(json!({ "access_ttl_s": 3 })).await;
    let user = site.connect("alice").await;
    site.provider.set(json!({ "access_ttl_s": 3600 })).await;
    let login = site.provider.exchanges().await.remove(0);
    eventually("the access token ends", async || (!site.provider.is_active(&login.access_token()).await).then_some(()))
        .await;

    let lent = [node.lent(&site, user).await, node.lent(&site, user).await];
    let [refresh] = &site.refreshes().await[..] else { panic!("refreshed once") };
    assert_eq!(lent, [refresh.access_token(), refresh.access_token()]);
    assert_eq!(refresh.sent, Some(login.refresh_token()));
    assert_eq!(site.provider.active(&refresh.tokens()).await, [true, true]);
    assert_eq!(site.provider.active(&login.tokens()).await, [false, false]);
    assert_sealed_in_folder(&site.folder.path(".terra-auth"), &[login.tokens(), refresh.tokens()].concat());

    site.client.deauthenticate_user(user).await.unwrap();
    eventually("the tokens are dead at the provider", async || {
        (site.provider.active(&refresh.tokens()).await == [false, false]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_grant_that_the_provider_ends_is_told_to_the_app_once() {
    let (site, node) = Site::new(ROTATES, None).await;
    site.provider.set(json!({ "access_ttl_s": 50 })).await;
    let user = site.connect("carol").await;
    let login = site.provider.exchanges().await.remove(0);
    site.provider.revoke(&login.refresh_token()).await;

    for _ in 0..3 {
        let refused = node.lend(&site, user).await.unwrap();
        let code: Value = serde_json::from_str(&refused.text).unwrap();
        assert_eq!((refused.status.as_u16(), &code["code"]), (409, &json!("revoked")), "{}", refused.text);
    }
    assert!(!site.is_active(user).await);
    site.client.deauthenticate_user(user).await.unwrap();
    eventually("the app hears of the end", async || site.events("deauth").pop()).await;
    let [revoked] = &site.events("access_revoked")[..] else { panic!("the app hears of the revocation, once") };
    assert_eq!(revoked["user"]["user_id"], user.to_string());
    assert_eq!((site.refreshes().await.len(), site.events("connection_error").len()), (1, 0));
}

#[tokio::test]
async fn two_nodes_that_want_the_same_token_refresh_it_once() {
    let database = Postgres::start().database();
    let (site, first) = Site::new(ROTATES, Some(database.url())).await;
    let second = site.another_node();
    // Too short a life to be lent, and long enough that no node refreshes by itself meanwhile.
    site.provider.set(json!({ "access_ttl_s": 50 })).await;
    let user = site.connect("dora").await;
    site.provider.set(json!({ "access_ttl_s": 3600, "hold_work_ms": 500 })).await;
    let all = join_all([&first, &second].repeat(4).into_iter().map(|node| node.lent(&site, user)));
    let lent = all.await;

    let [refresh] = &site.refreshes().await[..] else { panic!("refreshed once") };
    assert_eq!(lent, vec![refresh.access_token(); 8]);
    assert_eq!(site.provider.active(&refresh.tokens()).await, [true, true]);
    let login = site.provider.exchanges().await.remove(0);
    assert_sealed_in_dump(&database.url(), &[login.tokens(), refresh.tokens()].concat());
}

#[tokio::test]
async fn no_refresh_token_is_sent_twice_however_many_want_it() {
    let database = Postgres::start().database();
    let (site, first) = Site::new(&format!("{ROTATES}, ahead_s = 30"), Some(database.url())).await;
    let second = site.another_node();
    // So short a life that every use refreshes, as the refresh is due half a minute before their end only.
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
        node.lent(site, user).await;
    }
}
