//! A restart changes only what its arguments ask for.

use http::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use terra_auth::{Credentials, Environment};
use terra_auth_cli_testkit::{Folder, Receiver, Server, http::send};

const SERVE: &str =
    "serve --sandbox --allow-private-addresses --listen 127.0.0.1:0 --output json --create-environment testing";

/// Sends a request about the webhook destination, with the keys that the server wrote.
async fn destination(folder: &Folder, method: Method, body: String) -> Value {
    let Credentials { dev_id, api_key, api_url, .. } = folder.credentials(Environment::Testing);
    let headers = [("dev-id", dev_id.as_str()), ("x-api-key", api_key.expose()), ("content-type", "application/json")];
    let reply = send(method, &format!("{api_url}/webhooks/destination"), &headers, body).await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.text);
    serde_json::from_str(&reply.text).unwrap()
}

#[tokio::test]
async fn a_start_with_create_environment_does_not_change_the_destination() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let first = Server::start(&mut folder.command(SERVE));
    let set = json!({ "destination": receiver.url });
    assert_eq!(destination(&folder, Method::PUT, set.to_string()).await, set);
    assert_eq!(first.stop(Signal::TERM).code, Some(0));

    let _second = Server::start(&mut folder.command(SERVE));
    assert_eq!(destination(&folder, Method::GET, String::new()).await, set);
    folder.connect("FITBIT", "alice");
    assert_eq!(receiver.wait_for(1)[0].json()["type"], "auth");
}

#[tokio::test]
async fn dev_changes_the_destination_only_by_an_argument() {
    let (folder, receiver) = (Folder::new(), Receiver::start());
    let (stored, none) = (json!({ "destination": receiver.url }), json!({ "destination": null }));
    for (arguments, expected) in [
        (format!("--forward-to {}", receiver.url), &stored),
        (String::new(), &stored),
        ("--no-forward".to_owned(), &none),
    ] {
        let server = folder.dev(&arguments);
        assert_eq!(destination(&folder, Method::GET, String::new()).await, *expected, "{arguments}");
        assert_eq!(server.ready["forward_to"], expected["destination"], "{arguments}");
        assert_eq!(server.stop(Signal::INT).code, Some(0));
    }
}
