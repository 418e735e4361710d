//! `dev --gateway`: server and gateway in one process.

use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use terra_auth_cli_testkit::{Folder, http::Reply, until};

use crate::support::{Site, app, free_address};

fn body(reply: &Reply) -> Value {
    serde_json::from_str(&reply.text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_command_runs_a_server_and_a_gateway_that_receives_its_events() {
    let (folder, app, address) = (Folder::new(), app(), free_address());
    let upstream = folder.dev(&format!("--gateway --who-am-i {app}/me --gateway-listen {address}"));
    let site = Site { folder, upstream, app, address };
    until("the gateway listens", || std::net::TcpStream::connect(address).ok());
    let token = site.ask("alice", Method::POST, "/api/terra/mobile-token").await;
    assert_eq!((token.status.as_u16(), body(&token)["reference_id"].as_str()), (200, Some("alice")));

    let user = site.folder.connect("GARMIN", "alice");
    let mut connections = Value::Null;
    for _ in 0..200 {
        connections = body(&site.ask("alice", Method::GET, "/api/terra/connections").await);
        if connections["connections"] != json!([]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(connections["connections"][0]["user_id"], user.to_string(), "{connections}");
    assert_eq!(site.upstream.stop(Signal::INT).code, Some(0));
}

#[test]
fn a_start_without_a_login_is_an_error_with_the_missing_flag() {
    let folder = Folder::new();
    let refused = folder.run("dev --listen 127.0.0.1:0 --gateway --gateway-listen 127.0.0.1:0");
    assert!(refused.code == 2 && refused.stderr.contains("--who-am-i"), "{refused}");
}
