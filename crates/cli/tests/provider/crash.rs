//! Nodes that die while they refresh.

use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::json;
use terra_auth::UserId;
use tokio::time::sleep;

use crate::support::{Node, ROTATES, Site, eventually, token_in};

/// Tokens of so short a life are refreshed at every use, as they are due half a minute before their end only.
const WITH_GRACE: &str = r#"rotation = "single_use", grace_s = 600, reuse_ends_grant = true, ahead_s = 30"#;
const ROUNDS: u32 = 2;

#[tokio::test]
async fn no_grant_is_lost_with_a_node_where_the_provider_answers_a_refresh_again() {
    let (site, mut node) = Site::new(WITH_GRACE, None).await;
    // So short a life that every use refreshes.
    site.provider.set(json!({ "access_ttl_s": 50, "grace_s": 600 })).await;
    let mut users = Vec::new();
    for name in ["alice", "bob", "carol"] {
        users.push(site.connect(name).await);
    }
    for round in 0..ROUNDS {
        site.provider.set(json!({ "hold_work_ms": 300, "hold_answer_ms": 300 })).await;
        // The later the node dies, the more of the refreshes are done at the provider: none, then some.
        let all = join_all((0_u32..).zip(&users).map(|(turn, user)| use_later(&node, &site, *user, turn * 200)));
        let begun = site.provider.exchanges().await.len();
        let (lent, ()) = tokio::join!(all, kill_in_refresh(&node, &site, begun, round * 400));
        assert!(lent.contains(&None), "the node died while it refreshed");
        site.provider.set(json!({ "hold_work_ms": 0, "hold_answer_ms": 0 })).await;
        node = site.restart();
        for user in &users {
            let lent = eventually("a token is lent", async || token_in(&node.lend(&site, *user).await.unwrap())).await;
            assert!(site.provider.is_active(&lent).await && site.is_active(*user).await);
        }
    }
    let told = ["connection_error", "access_revoked"].map(|kind| site.events(kind).len());
    assert_eq!(told, [0, 0], "nobody was told of trouble");
}

#[tokio::test]
async fn a_grant_whose_only_answer_is_lost_asks_for_a_new_login_and_is_not_called_revoked() {
    let (site, node) = Site::new(ROTATES, None).await;
    site.provider.set(json!({ "access_ttl_s": 3 })).await;
    let user = site.connect("dora").await;
    site.provider.set(json!({ "access_ttl_s": 3600, "hold_answer_ms": 2000 })).await;
    tokio::join!(use_later(&node, &site, user, 0), async {
        eventually("the provider has spent the token", async || site.refreshes().await.pop()).await;
        node.server.signal(Signal::KILL);
    });
    site.provider.set(json!({ "hold_answer_ms": 0 })).await;
    let node = site.restart();

    eventually("the node gives up", async || {
        let refused = node.lend(&site, user).await.unwrap();
        refused.status.is_client_error().then_some(())
    })
    .await;
    assert!(!site.is_active(user).await);
    eventually("the app hears of it", async || site.events("connection_error").pop()).await;
    let again = site.connect("dora").await;
    assert!(site.provider.is_active(&node.lent(&site, again).await).await);
    assert_eq!((site.events("connection_error").len(), site.events("access_revoked").len()), (1, 0));
}

/// Kills the node this long after the provider, which had heard of `begun` exchanges, hears of one more.
async fn kill_in_refresh(node: &Node, site: &Site, begun: usize, after_ms: u32) {
    eventually("a refresh begins", async || (site.provider.exchanges().await.len() > begun).then_some(())).await;
    sleep(Duration::from_millis(after_ms.into())).await;
    node.server.signal(Signal::KILL);
}

/// What was lent, if the node lived long enough.
async fn use_later(node: &Node, site: &Site, user: UserId, after_ms: u32) -> Option<String> {
    sleep(Duration::from_millis(after_ms.into())).await;
    token_in(&node.lend(site, user).await.ok()?)
}
