//! Nodes that are killed during a refresh.

use std::time::Duration;

use futures_util::future::join_all;
use rustix::process::Signal;
use serde_json::json;
use terra_auth::UserId;
use tokio::time::sleep;

use crate::support::{Node, SINGLE_USE_REFRESH, Site, eventually, token_in};

/// With `ahead_s = 30`, a refresh is due by itself only 30 s before the expiry, so tokens of a
/// short lifetime are refreshed at every use.
const WITH_GRACE: &str = r#"rotation = "single_use", grace_s = 600, reuse_ends_grant = true, ahead_s = 30"#;
const ROUNDS: u32 = 2;

#[tokio::test]
async fn no_grant_is_lost_in_a_crash_if_the_provider_repeats_a_refresh() {
    let (site, mut node) = Site::new(WITH_GRACE, None).await;
    // With this lifetime, every use refreshes the token.
    site.provider.set(json!({ "access_ttl_s": 50, "grace_s": 600 })).await;
    let mut users = Vec::new();
    for name in ["alice", "bob", "carol"] {
        users.push(site.connect(name).await);
    }
    for round in 0..ROUNDS {
        site.provider.set(json!({ "hold_work_ms": 300, "hold_answer_ms": 300 })).await;
        // The later the node is killed, the more refreshes the provider has completed: first none, then some.
        let all = join_all((0_u32..).zip(&users).map(|(turn, user)| use_later(&node, &site, *user, turn * 200)));
        let begun = site.provider.exchanges().await.len();
        let (issued, ()) = tokio::join!(all, kill_in_refresh(&node, &site, begun, round * 400));
        assert!(issued.contains(&None), "the node must be killed during a refresh");
        site.provider.set(json!({ "hold_work_ms": 0, "hold_answer_ms": 0 })).await;
        node = site.restart();
        for user in &users {
            let issue = async || token_in(&node.issue_access_token(&site, *user).await.unwrap());
            let token = eventually("a token is issued", issue).await;
            assert!(site.provider.is_active(&token).await && site.is_active(*user).await);
        }
    }
    let events = ["connection_error", "access_revoked"].map(|kind| site.events(kind).len());
    assert_eq!(events, [0, 0], "no error event was sent");
}

#[tokio::test]
async fn a_lost_refresh_response_needs_a_new_login_and_is_not_a_revocation() {
    let (site, node) = Site::new(SINGLE_USE_REFRESH, None).await;
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
        let refused = node.issue_access_token(&site, user).await.unwrap();
        refused.status.is_client_error().then_some(())
    })
    .await;
    assert!(!site.is_active(user).await);
    eventually("the app receives the event", async || site.events("connection_error").pop()).await;
    let again = site.connect("dora").await;
    assert!(site.provider.is_active(&node.access_token(&site, again).await).await);
    assert_eq!((site.events("connection_error").len(), site.events("access_revoked").len()), (1, 0));
}

/// Waits until the provider has received more than `begun` exchanges, then kills the node after `after_ms`.
async fn kill_in_refresh(node: &Node, site: &Site, begun: usize, after_ms: u32) {
    eventually("a refresh begins", async || (site.provider.exchanges().await.len() > begun).then_some(())).await;
    sleep(Duration::from_millis(after_ms.into())).await;
    node.server.signal(Signal::KILL);
}

/// The issued access token; `None` if the node was killed before.
async fn use_later(node: &Node, site: &Site, user: UserId, after_ms: u32) -> Option<String> {
    sleep(Duration::from_millis(after_ms.into())).await;
    token_in(&node.issue_access_token(site, user).await.ok()?)
}
