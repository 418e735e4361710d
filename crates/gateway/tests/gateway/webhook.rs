use axum::body::Body;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use terra_auth::webhook::sign;
use terra_auth_model::received_event::{EventFilter, ForwardState, ReceivedEvent};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::world::{Answer, World, config};

const PATH: &str = "/webhooks/terra";

/// One delivery, as Terra makes it unless a test says otherwise.
struct Post<'a> {
    world: &'a World,
    body: Vec<u8>,
    signature: Option<String>,
    header: &'static str,
    trace_id: Option<&'a str>,
}

impl<'a> Post<'a> {
    fn new(world: &'a World, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let signature = sign(world.keys.signing_secret.expose().as_bytes(), world.now(), &body);
        Self { world, body, signature: Some(signature), header: "terra-signature", trace_id: Some("trace-1") }
    }

    async fn send(self) -> Answer {
        let mut request = Request::post(PATH).header("terra-reference", "one-reference-for-all");
        if let Some(signature) = &self.signature {
            request = request.header(self.header, signature);
        }
        if let Some(trace_id) = self.trace_id {
            request = request.header("x-terra-trace-id", trace_id);
        }
        self.world.send(request.body(Body::from(self.body)).unwrap()).await
    }
}

async fn recorded(world: &World) -> Vec<ReceivedEvent> {
    world.gateway.inbox().events(&EventFilter { limit: 100, ..EventFilter::default() }).await.unwrap()
}

fn taken(answer: &Answer) -> bool {
    (answer.status, answer.text.as_str()) == (StatusCode::OK, r#"{"status":"success"}"#)
}

#[tokio::test]
async fn an_event_is_recorded_byte_for_byte_and_then_acknowledged() {
    let world = World::start().await;
    let body = r#"{"type" : "activity", "n":1.0, "é": []}"#;
    for (header, trace_id) in [("terra-signature", "a"), ("x-terra-signature", "b")] {
        let post = Post {
            header,
            trace_id: Some(trace_id),
            ..Post::new(&world, format!("{body}{}", " ".repeat(trace_id.len() + header.len())))
        };
        assert!(taken(&post.send().await));
    }
    let events = recorded(&world).await;
    assert_eq!(events.len(), 2);
    assert!(events.iter().all(|event| event.kind == "activity" && event.body.starts_with(body.as_bytes())));
    assert!(events.iter().all(|event| event.state == ForwardState::Kept), "there is no app to forward to");
}

#[tokio::test]
async fn an_event_that_comes_again_is_acknowledged_and_not_recorded_again() {
    let world = World::start().await;
    let body = r#"{"type":"activity"}"#;
    assert!(taken(&Post::new(&world, body).send().await));
    world.clock.advance(jiff::SignedDuration::from_secs(40));
    assert!(taken(&Post::new(&world, body).send().await), "a retry is signed anew");
    assert_eq!(recorded(&world).await.len(), 1);
}

#[tokio::test]
async fn a_replay_with_another_trace_id_is_detected_by_its_signature() {
    let world = World::start().await;
    for trace_id in [Some("trace-1"), Some("trace-2"), None] {
        assert!(taken(&Post { trace_id, ..Post::new(&world, r#"{"type":"activity"}"#) }.send().await));
    }
    assert_eq!(recorded(&world).await.len(), 1);
}

#[tokio::test]
async fn chunks_of_one_answer_share_a_reference_and_are_all_recorded() {
    let world = World::start().await;
    for (trace_id, body) in [("t:chunk:0", r#"{"type":"daily","n":0}"#), ("t:chunk:1", r#"{"type":"daily","n":1}"#)] {
        assert!(taken(&Post { trace_id: Some(trace_id), ..Post::new(&world, body) }.send().await));
    }
    assert_eq!(recorded(&world).await.len(), 2);
}

#[tokio::test]
async fn an_unsigned_or_old_event_is_rejected_and_not_stored() {
    let world = World::start().await;
    let body = r#"{"type":"activity"}"#;
    let secret = world.keys.signing_secret.expose();
    let by = |secret: &str, at: i64| Some(sign(secret.as_bytes(), at, body.as_bytes()));
    let now = world.now();
    for (what, signature) in [
        ("nothing", None),
        ("another secret", by("another-secret-not-a-secret", now)),
        ("an empty secret", by("", now)),
        ("too old", by(secret, now - 301)),
        ("too new", by(secret, now + 301)),
        ("garbage", Some("garbage".to_owned())),
        ("an older scheme", by(secret, now).map(|text| text.replace("v1=", "v0="))),
        ("half", by(secret, now).map(|text| text[..40].to_owned())),
    ] {
        let answer = Post { signature, ..Post::new(&world, body) }.send().await;
        let (status, code, _) = answer.refusal();
        assert_eq!((status, code.as_str()), (401, "not_verified"), "{what}");
    }
    let mut tampered = Post::new(&world, body);
    tampered.body.push(b' ');
    assert_eq!(tampered.send().await.status, 401);
    assert!(recorded(&world).await.is_empty());
}

#[tokio::test]
async fn while_a_secret_is_replaced_both_count() {
    let world = World::start().await;
    let mut credentials = world.credentials();
    credentials.retiring_signing_secret =
        credentials.signing_secret.replace("new-secret-not-a-secret".to_owned().into());
    world.gateway.reload(&config("", credentials)).unwrap();
    let body = r#"{"type":"activity"}"#;

    let old = Post::new(&world, body).send().await;
    let signature = Some(sign(b"new-secret-not-a-secret", world.now(), b"{}"));
    let new = Post { signature, trace_id: Some("trace-2"), ..Post::new(&world, "{}") }.send().await;

    assert!(taken(&old) && taken(&new), "{old:?} {new:?}");
}

#[tokio::test]
async fn a_signed_event_is_stored_even_if_it_is_unreadable() {
    let world = World::start().await;
    let bodies: [&[u8]; 6] = [
        b"",
        b"\xff\xfe not UTF-8 \x00",
        b"{\"type\":\"au",
        b"[1,2]",
        b"{\"type\":3}",
        br#"{"type":"never_heard_of"}"#,
    ];
    for (index, body) in bodies.into_iter().enumerate() {
        let trace_id = index.to_string();
        let answer = Post { trace_id: Some(&trace_id), ..Post::new(&world, body) }.send().await;
        assert!(taken(&answer), "{body:?}: {answer:?}");
    }
    let mut kept: Vec<_> = recorded(&world).await.into_iter().map(|event| event.body).collect();
    kept.reverse();
    assert_eq!(kept, bodies);
}

#[tokio::test]
async fn a_malformed_event_of_a_known_type_changes_no_connection() {
    let world = World::start().await;
    world.connect("alice", "phone").await;
    let before = world.connections("alice").await;
    for (trace_id, body) in [("x", r#"{"type":"deauth","user":"?"}"#), ("y", r#"{"type":"user_reauth"}"#)] {
        assert!(taken(&Post { trace_id: Some(trace_id), ..Post::new(&world, body) }.send().await));
    }
    assert_eq!(world.connections("alice").await, before);
}

#[tokio::test]
async fn the_connections_follow_the_events() {
    let world = World::start().await;
    let user = |id: &str| {
        json!({ "user_id": id, "provider": "FITBIT", "reference_id": "alice", "scopes": "a,b", "active": true,
                "created_at": "2030-01-01T00:00:00Z", "last_webhook_update": null })
    };
    let [first, second] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
    let mut seen = Vec::new();
    for event in [
        json!({ "type": "auth", "status": "success", "user": user(first) }),
        json!({ "type": "connection_error", "status": "warning", "message": "", "user": user(first) }),
        json!({ "type": "user_reauth", "status": "warning", "message": "", "old_user": user(first), "new_user": user(second) }),
        json!({ "type": "auth", "status": "success", "user": user(second) }),
        json!({ "type": "access_revoked", "status": "warning", "message": "", "user": user(second) }),
    ] {
        world.clock.advance(jiff::SignedDuration::from_secs(1));
        let trace_id = event["type"].as_str().unwrap().to_owned() + &seen.len().to_string();
        assert!(taken(&Post { trace_id: Some(&trace_id), ..Post::new(&world, event.to_string()) }.send().await));
        let connections = world.connections("alice").await;
        assert_eq!(connections.len(), 1, "{event}");
        seen.push(connections[0].clone());
    }
    let states: Vec<_> = seen.iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["active", "failing", "active", "active", "revoked"]);
    assert!(seen.iter().all(|one| one["id"] == seen[0]["id"]), "our id stays: {seen:?}");
    assert_eq!((&seen[1]["user_id"], &seen[2]["user_id"]), (&Value::from(first), &Value::from(second)));
}

#[tokio::test]
async fn a_body_of_20_mb_is_refused_before_it_is_read() {
    let world = World::start().await;
    let mut stream = TcpStream::connect(("127.0.0.1", world.url.port().unwrap())).await.unwrap();
    let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 20971520\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");

    let endless = Body::from_stream(futures_util::stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 1 << 20])));
    let signature = format!("t={},v1={}", world.now(), "0".repeat(64));
    let request = Request::post(PATH).header("terra-signature", signature).body(endless).unwrap();
    assert_eq!(world.send(request).await.refusal().0, 413);
}

#[tokio::test]
async fn nothing_is_read_of_a_body_that_has_no_fresh_signature() {
    let world = World::start().await;
    let code = "0".repeat(64);
    let signatures =
        [String::new(), "garbage".to_owned(), format!("t={},v1={code}", world.now() - 301), "t=1".to_owned()];
    for signature in signatures {
        let mut stream = TcpStream::connect(("127.0.0.1", world.url.port().unwrap())).await.unwrap();
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: x\r\nterra-signature: {signature}\r\ncontent-length: 16000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = vec![0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, b"HTTP/1.1 401", "{signature}");
    }
}

#[tokio::test]
async fn a_truncated_body_is_refused_and_not_recorded() {
    let world = World::start().await;
    let body = r#"{"type":"activity"}"#;
    let signature = sign(world.keys.signing_secret.expose().as_bytes(), world.now(), body.as_bytes());
    let mut stream = TcpStream::connect(("127.0.0.1", world.url.port().unwrap())).await.unwrap();
    let head =
        format!("POST {PATH} HTTP/1.1\r\nhost: x\r\nterra-signature: {signature}\r\ncontent-length: 100\r\n\r\n{body}");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    assert!(recorded(&world).await.is_empty());
}

#[tokio::test]
async fn without_a_signing_secret_terra_is_asked_to_retry() {
    let world = World::start().await;
    let mut credentials = world.credentials();
    credentials.signing_secret = None;
    world.gateway.reload(&config("", credentials)).unwrap();
    let answer = Post::new(&world, "{}").send().await;
    assert_eq!(answer.refusal().0, 503);
    assert!(answer.text.contains("TERRA_SIGNING_SECRET"), "{answer:?}");
}

#[tokio::test]
async fn a_peer_that_announces_a_large_body_blocks_no_other() {
    let world = World::start().await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(("127.0.0.1", world.url.port().unwrap())).await.unwrap();
        let head = format!("POST {PATH} HTTP/1.1\r\nhost: x\r\ncontent-length: 16777216\r\n\r\n{{");
        stream.write_all(head.as_bytes()).await.unwrap();
        idle.push(stream);
    }
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;

    assert!(taken(&Post::new(&world, r#"{"type":"activity"}"#).send().await));
    drop(idle);
}
