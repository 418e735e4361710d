use axum::body::Body;
use http::Request;
use jiff::SignedDuration;
use serde_json::Value;
use terra_auth::Credentials;
use url::Url;

use crate::world::{Answer, World, answer_of, config};

const TOKEN: &str = "/api/terra/mobile-token";

impl World {
    async fn mint(&self, user: &str) -> Answer {
        self.call(user, "POST", TOKEN, Value::Null).await
    }

    async fn ready(&self) -> Value {
        let request = Request::get("/readyz").body(Body::empty()).unwrap();
        answer_of(&self.gateway.operations(), request).await.json()
    }

    /// From a page of `origin`, with a cookie.
    async fn mint_from(&self, origin: &str, site: &str) -> Answer {
        let request = Request::post(TOKEN).header("x-user", "alice").header("x-cookie", "1");
        let request = request.header("origin", origin).header("sec-fetch-site", site);
        self.send(request.body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn a_rate_limited_end_user_gets_retry_after() {
    let world = World::with("[limits]\nuser_per_minute = 2").await;
    let first = world.mint("alice").await;
    assert_eq!(
        [first.header("ratelimit-policy"), first.header("ratelimit")],
        [r#""user";q=2;w=60"#, r#""user";r=1;t=30"#]
    );
    world.mint("alice").await;
    let refused = world.mint("alice").await;
    assert_eq!(refused.refusal().0, 429);
    assert_eq!([refused.header("retry-after"), refused.header("ratelimit")], ["30", r#""user";r=0;t=60"#]);
    assert_eq!(world.mint("bob").await.status, 200);
    world.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(world.mint("alice").await.status, 200);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_act_with_the_end_users_cookie() {
    let world = World::with("[cors]\nallowed_origins = [\"https://app.example\"]").await;
    assert_eq!(world.mint_from("https://evil.example", "cross-site").await.refusal().0, 403);
    assert_eq!(world.mint_from("https://app.example", "cross-site").await.status, 200);
    assert_eq!(world.mint_from("https://gateway.example", "same-origin").await.status, 200);
}

#[tokio::test]
async fn requests_fail_fast_while_the_upstream_fails() {
    let world = World::start().await;
    let (away, back) = (Credentials { api_url: nobody(), ..world.credentials() }, world.credentials());
    world.gateway.reload(&config("", away)).unwrap();
    for _ in 0..5 {
        assert_eq!(world.mint("alice").await.refusal().1, "upstream_failed");
    }
    let refused = world.mint("bob").await;
    assert_eq!((refused.refusal().0, refused.refusal().1.as_str()), (503, "upstream_unavailable"));
    assert_eq!(refused.header("retry-after"), "5");
    assert_eq!(world.ready().await["upstream"], "failing");
    world.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(world.mint("alice").await.refusal().1, "upstream_failed");
    assert_eq!(world.mint("alice").await.refusal().1, "upstream_unavailable");
    world.gateway.reload(&config("", back)).unwrap();
    assert_eq!(
        (world.mint("alice").await.status.as_u16(), &world.ready().await["upstream"]),
        (200, &Value::from("ok"))
    );
}

/// Refuses every connection.
fn nobody() -> Url {
    "http://127.0.0.1:1/v2".parse().unwrap()
}
