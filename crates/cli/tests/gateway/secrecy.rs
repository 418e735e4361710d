//! Calls every route with valid and invalid requests at the most verbose log level, and searches
//! all output for secrets.

mod world;

use std::time::Duration;

use http::Method;
use rustix::process::Signal;
use terra_auth_cli_testkit::{
    Server,
    http::{Reply, send},
    until,
};

use self::world::{Jwt, SECRET_MARKER, SIGNING_SECRET, World};
use crate::support::webhook::Webhook;

const USER: &str = "00000000-0000-4000-8000-000000000001";

const ROUTES: [(Method, &str); 10] = [
    (Method::POST, "/api/terra/mobile-token"),
    (Method::POST, "/api/terra/widget-session"),
    (Method::GET, "/api/terra/integrations"),
    (Method::GET, "/api/terra/connections"),
    (Method::DELETE, "/api/terra/connections/00000000-0000-4000-8000-000000000001"),
    (Method::GET, "/api/terra/logos/FITBIT"),
    (Method::GET, "/terra.js"),
    (Method::GET, "/terra.d.ts"),
    (Method::GET, "/readyz"),
    (Method::GET, "/no/such/path?token=query-not-a-secret"),
];

#[tokio::test]
async fn a_gateway_writes_no_secret() {
    let world = World::new();
    let gateway = world.gateway();
    let jwt = Jwt::new();
    let mut statuses = Vec::new();
    for upstream in [200, 201, 302, 401, 403, 404, 429, 500, 503] {
        world.upstream_answers(upstream);
        send_events(&world, &gateway, upstream).await;
        for proof in logins(&jwt) {
            for (method, path) in ROUTES {
                statuses.push(ask(&gateway, method, path, &proof).await.status.as_u16());
            }
        }
    }
    for status in [200, 401, 404, 502] {
        assert!(statuses.contains(&status), "no response has the status {status}: {statuses:?}");
    }
    reload(&world, &gateway);
    until("forwards fail", || gateway.stderr().contains("could not forward event").then_some(()));
    until("the connections are compared", || gateway.stderr().contains("could not compare").then_some(()));

    let (log, said) = (gateway.stderr(), gateway.stdout());
    for part in [
        "TRACE",
        "hyper",
        "rejected an event",
        "could not fetch a provider's logo",
        "could not reload",
        "/api/terra/mobile-token",
    ] {
        assert!(log.contains(part), "the log has no {part}");
    }
    for text in [log, said, world.check(), world.events(), world.spans_once_ended(gateway)] {
        let line = text.lines().find(|line| line.contains(SECRET_MARKER) || jwt.is_in(line));
        assert_eq!(line, None);
    }
}

#[test]
fn a_store_that_cannot_be_opened_is_named_without_its_password() {
    let world = World::new();
    let mut command = world.folder.command("gateway --listen 127.0.0.1:0");
    command.env("RUST_LOG", "trace").env("TERRA_AUTH_JWT_SECRET", world::JWT_SECRET);
    command.env("TERRA_AUTH_GATEWAY_STORE", "postgres://gateway:password-not-a-secret@127.0.0.1:1/gateway");
    let answer = terra_auth_cli_testkit::CommandOutput::of(&mut command);
    assert_eq!((answer.code, answer.stdout.as_str()), (1, ""), "{answer}");
    assert!(!answer.stderr.contains(SECRET_MARKER), "{answer}");
}

/// Valid credentials of every kind, and some invalid ones.
fn logins(jwt: &Jwt) -> [(&'static str, String); 8] {
    [
        ("cookie", "user=cookie-not-a-secret".to_owned()),
        ("cookie", "broken=cookie-not-a-secret".to_owned()),
        ("authorization", "Bearer opaque-token-not-a-secret".to_owned()),
        ("authorization", "Basic basic-not-a-secret".to_owned()),
        ("authorization", format!("Bearer {}", jwt.good)),
        ("authorization", format!("Bearer {}", jwt.forged)),
        ("authorization", format!("Bearer {}", jwt.expired)),
        ("x-user", "alice".to_owned()),
    ]
}

async fn ask(gateway: &Server, method: Method, path: &str, (name, value): &(&str, String)) -> Reply {
    let body = if path.ends_with("widget-session") { r#"{"language":"body-not-a-secret"}"# } else { "" };
    let headers = [(*name, value.as_str()), ("content-type", "application/json")];
    send(method, &format!("{}{path}", gateway.origin()), &headers, body.to_owned()).await.unwrap()
}

/// Sends valid events, duplicates and invalid events.
async fn send_events(world: &World, gateway: &Server, number: u16) {
    let origin = gateway.origin();
    let user = USER.parse().unwrap();
    let event = |kind: &str| {
        let webhook = Webhook::new(format!("{kind}-{number}"), kind, user, "alice");
        Webhook { body: webhook.body.replacen("xxx", "health-data-not-a-secret", 1), ..webhook }
    };
    for kind in ["auth", "activity"] {
        for _ in 0..2 {
            assert_eq!(event(kind).send(&origin, SIGNING_SECRET).await.unwrap(), 200);
        }
    }
    assert_eq!(event("sleep").send(&origin, "another-secret-not-a-secret").await.unwrap(), 401);
    let shapeless = [r#"{"type":"auth","user":"health-data-not-a-secret"}"#, "health-data-not-a-secret"];
    for (index, body) in shapeless.into_iter().enumerate() {
        let webhook =
            Webhook { trace_id: format!("shapeless-{number}-{index}"), body: body.to_owned(), ..event("auth") };
        assert_eq!(webhook.send(&origin, SIGNING_SECRET).await.unwrap(), 200);
    }
    let url = format!("{origin}/webhooks/terra");
    for headers in [&[][..], &[("terra-signature", "t=1,v1=signature-not-a-secret")]] {
        let reply = send(Method::POST, &url, headers, "health-data-not-a-secret".to_owned()).await.unwrap();
        assert_eq!(reply.status, 401, "{}", reply.text);
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    world.app_answers_next();
}

fn reload(world: &World, gateway: &Server) {
    for (signs, says) in [(true, "reloaded settings, keys and secrets"), (false, "could not reload")] {
        if !signs {
            world.break_keys();
        }
        gateway.signal(Signal::HUP);
        until(says, || gateway.stderr().contains(says).then_some(()));
    }
}
