use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::{Value, json};
use terra_auth::{Error, UserId};

use crate::peer::{Peer, RecordedRequest, json as ok, user, user_id};

async fn ids(peer: &Peer) -> Result<Vec<UserId>, Error> {
    peer.client().subscriptions().map_ok(|user| user.user_id).try_collect().await
}

fn page(seen: &RecordedRequest) -> u32 {
    let (_, query) = seen.line.split_once("page=").unwrap();
    query.split('&').next().unwrap().parse().unwrap()
}

/// Three pages with one user each. `max_page` is wrong on purpose.
fn three_pages(seen: &RecordedRequest) -> Value {
    let page = page(seen);
    json!({"next": (page < 2).then_some(page + 1), "max_page": 1, "results": [user(page)]})
}

#[tokio::test]
async fn pages_are_read_in_either_format() {
    for nested in [true, false] {
        let peer = Peer::start(move |seen, _| {
            let page = three_pages(seen);
            ok(&if nested { json!({"data": page}) } else { page })
        });
        let peer = peer.await;
        assert_eq!(ids(&peer).await.unwrap(), [user_id(0), user_id(1), user_id(2)]);
        let expected: Vec<String> =
            (0..3).map(|page| format!("GET /v2/subscriptions?page={page}&per_page=500")).collect();
        assert_eq!(peer.lines(), expected);
    }
}

#[tokio::test]
async fn a_server_without_pages_returns_all_users_at_once() {
    let peer = Peer::start(|_, _| ok(&json!({"users": [user(1), user(2)]}))).await;
    assert_eq!(ids(&peer).await.unwrap(), [user_id(1), user_id(2)]);
}

#[tokio::test]
async fn pages_are_requested_only_on_demand() {
    let peer = Peer::start(|seen, _| ok(&three_pages(seen))).await;
    let users = peer.client().subscriptions();
    assert_eq!(peer.seen().len(), 0);
    let first: Vec<_> = users.take(1).collect().await;
    assert_eq!((first.len(), peer.seen().len()), (1, 1));
}

#[tokio::test]
async fn pages_that_do_not_end_are_an_error() {
    let same_number = Peer::start(|_, _| ok(&json!({"next": 0, "max_page": 9, "results": [user(1)]}))).await;
    let same_users =
        Peer::start(|seen, _| ok(&json!({"next": page(seen) + 1, "max_page": 9, "results": [user(1)]}))).await;
    let far_away = Peer::start(|_, _| ok(&json!({"next": 20_001, "max_page": 9, "results": []}))).await;
    for (peer, requests) in [(same_number, 1), (same_users, 2), (far_away, 1)] {
        let error = ids(&peer).await.unwrap_err();
        assert!(matches!(error, Error::UnreadableResponse { .. }), "{error}");
        assert_eq!(peer.seen().len(), requests);
    }
}
