use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use terra_auth::{DevId, wire::admin::RevocationOutcome};

use crate::peer::{Peer, json as ok};

const ID: &str = "00000000-0000-4000-8000-000000000001";

fn dev_id() -> DevId {
    "acme-testing-0000000000".parse().unwrap()
}

fn page(reports: usize, next: Option<&str>) -> Value {
    let report = json!({
        "user_id": ID, "provider": "OURA", "outcome": "given_up", "reason": "refused",
        "asked_at": "2030-01-01T00:00:00Z", "attempts": 52, "last_attempt_at": "2030-01-15T00:00:00Z",
        "next_attempt_at": null, "ended_at": "2030-01-15T00:00:00Z", "status": 503, "code": null,
    });
    json!({ "revocations": vec![report; reports], "next": next })
}

#[tokio::test]
async fn revocations_are_read_page_by_page() {
    let peer = Peer::start(|_, nth| ok(&if nth == 0 { page(2, Some("1.a")) } else { page(1, None) })).await;
    let reports: Vec<_> = peer.admin().revocations(&dev_id(), Some(ID.parse().unwrap())).try_collect().await.unwrap();
    assert_eq!((reports.len(), reports[0].outcome, reports[0].status), (3, RevocationOutcome::GivenUp, Some(503)));
    let first = format!("GET /api/v3/admin/environments/acme-testing-0000000000/revocations?limit=500&user_id={ID}");
    assert_eq!(peer.lines(), [first.clone(), format!("{first}&after=1.a")]);
}

#[tokio::test]
async fn revocations_without_an_end_are_an_error() {
    for endless in [page(1, Some("1.a")), page(0, Some("1.a"))] {
        let peer = Peer::start(move |_, _| ok(&endless)).await;
        let error = peer.admin().revocations(&dev_id(), None).try_collect::<Vec<_>>().await.unwrap_err();
        assert!(error.to_string().contains("the pages do not end"), "{error}");
        assert!(peer.seen().len() <= 2);
    }
}
