//! A server whose database went away.

use serde_json::json;
use terra_auth_testkit::Postgres;

use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_database_connection_is_a_server_error() {
    let first = TestApp::start_on(Postgres::start().database()).await;
    let app = first.second_node().await;
    drop(first); // and with it the database
    for answer in [
        app.get("/readyz").await,
        app.get("/v2/subscriptions").await,
        app.post("/v2/auth/generateWidgetSession", json!({})).await,
        app.post("/api/widget/session", json!({})).await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (503, "1"), "{answer:?}");
        assert_eq!(answer.json()["message"], "the database cannot be reached; try again in a moment");
        assert_eq!(answer.json()["code"], "store_unavailable");
    }
}
