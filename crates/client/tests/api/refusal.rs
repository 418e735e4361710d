use terra_auth::{ApiProblem, Error, WidgetSessionRequest};

use crate::peer::{Peer, answer, user_id, with};

async fn error(status: u16, body: &'static str) -> Error {
    let peer = Peer::start(move |_, _| with(answer(status, body), "x-terra-trace-id", "trace-1")).await;
    let client = peer.builder().retries(0).build().unwrap();
    client.user_info(user_id(1)).await.unwrap_err()
}

fn refusal(error: &Error) -> &ApiProblem {
    error.api_problem().unwrap()
}

#[tokio::test]
async fn all_four_error_bodies_are_parsed() {
    for (body, message) in [
        (
            r#"{"type":"about:blank","title":"not found","instance":"/v2/userInfo","detail":"user not found"}"#,
            "user not found",
        ),
        (r#"{"type":"about:blank","title":"not found","instance":"/v2/userInfo"}"#, "not found"),
        (r#"{"message":"no such user","status":"error"}"#, "no such user"),
        (r#"{"detail":"no user here"}"#, "no user here"),
        ("<!doctype html><html><head><title>404 Not\n Found</title></head></html>", "404 Not Found"),
        ("<html></html>", "not found"),
        ("plain words", "plain words"),
        (r#""quoted words""#, "quoted words"),
        (r#"{"message":null}"#, "not found"),
        ("[]", "not found"),
        ("", "not found"),
    ] {
        let error = error(404, body).await;
        assert!(matches!(&error, Error::NotFound(_)), "{body}");
        assert_eq!(refusal(&error).message, message, "{body}");
        assert_eq!(error.trace_id(), Some("trace-1"));
    }
}

#[tokio::test]
async fn each_status_has_its_own_error() {
    let kind = |error: &Error| match error {
        Error::NotAuthenticated(_) => "not authenticated",
        Error::Forbidden(_) => "forbidden",
        Error::NotFound(_) => "not found",
        Error::Gone { .. } => "gone",
        Error::RateLimited(_) => "rate limited",
        Error::UserLimit(_) => "user limit",
        Error::InvalidInput(_) => "invalid input",
        Error::Server(_) => "server",
        Error::UnreadableResponse { .. } => "unreadable response",
        Error::InvalidRedirect(_) | Error::Network { .. } | Error::Credentials(_) => "something else",
    };
    for (status, expected) in [
        (400, "invalid input"),
        (401, "not authenticated"),
        (403, "forbidden"),
        (404, "not found"),
        (405, "not found"),
        (409, "invalid input"),
        (410, "gone"),
        (422, "invalid input"),
        (429, "rate limited"),
        (500, "server"),
        (503, "server"),
        (302, "unreadable response"),
    ] {
        assert_eq!(kind(&error(status, "{}").await), expected, "{status}");
    }
    for (status, body) in
        [(403, r#"{"message":"User Limit Reached"}"#), (429, r#"{"title":"no","code":"user_limit_reached"}"#)]
    {
        assert_eq!(kind(&error(status, body).await), "user limit");
    }
}

#[tokio::test]
async fn an_error_names_the_next_step() {
    let error = error(401, r#"{"detail":"wrong keys","code":"nope"}"#).await;
    assert_eq!(
        error.to_string(),
        "the keys were not accepted: 401 wrong keys (trace id trace-1); \
         check that TERRA_DEV_ID and TERRA_API_KEY are both from the same environment"
    );
    assert_eq!(refusal(&error).code.as_deref(), Some("nope"));
}

#[tokio::test]
async fn an_error_for_a_removed_call_names_its_successor() {
    let said = r#"{"detail":"Use POST https://access.example.com/api/widget/session."}"#;
    let linked = |response| {
        with(
            response,
            "link",
            "<https://docs.example.com>; rel=\"deprecation\", <https://new.example.com/x>; rel=\"successor-version\"",
        )
    };
    for (response, expected) in [
        (answer(410, said), Some("https://access.example.com/api/widget/session")),
        (linked(answer(410, said)), Some("https://new.example.com/x")),
        (answer(410, "{}"), None),
    ] {
        let response = std::sync::Arc::new(std::sync::Mutex::new(Some(response)));
        let peer = Peer::start(move |_, _| response.lock().unwrap().take().unwrap()).await;
        let error = peer.client().user_info(user_id(1)).await.unwrap_err();
        assert!(matches!(&error, Error::Gone { replacement, .. } if replacement.as_deref() == expected), "{error:?}");
    }
}

#[tokio::test]
async fn unknown_connected_users_are_named() {
    let peer = Peer::always(400, r#"{"message":"unknown users","status":"error","invalid_user_ids":["a","b"]}"#).await;
    let error = peer.client().generate_widget_session(&WidgetSessionRequest::new()).await.unwrap_err();
    assert_eq!(error.to_string(), "the request was rejected: 400 unknown users: a, b");
}

#[tokio::test]
async fn a_success_with_an_unexpected_body_is_an_error() {
    for (body, problem) in [
        ("<html>hello</html>", "not JSON but application/json"),
        ("", "not JSON but application/json"),
        (r#"{"user":{"user_id":"token-not-a-secret"}}"#, "unexpected JSON at line 1, column 40"),
    ] {
        let error = error(200, body).await;
        assert!(error.to_string().contains(problem), "{error}");
        assert!(!format!("{error:?}").contains("not-a-secret"));
        assert_eq!(error.trace_id(), Some("trace-1"));
    }
}

#[tokio::test]
async fn a_message_is_one_bounded_line() {
    let error = error(400, "{\"detail\":\"a\\u001b[31m b\\n\\nc\"}").await;
    assert_eq!(refusal(&error).message, "a [31m b c");
    let long = Peer::start(|_, _| answer(400, "x".repeat(10_000))).await;
    let error = long.client().user_info(user_id(1)).await.unwrap_err();
    assert_eq!(refusal(&error).message.len(), 500);
}

#[tokio::test]
async fn an_error_that_other_keys_do_not_fix_says_so() {
    let product = error(403, r#"{"title":"forbidden","code":"entitlement_required","product":"unified_api"}"#).await;
    assert!(matches!(&product, Error::Forbidden(_)));
    assert_eq!(refusal(&product).code.as_deref(), Some(ApiProblem::ENTITLEMENT_REQUIRED));
    assert_eq!(refusal(&product).product.as_deref(), Some("unified_api"));
    assert_eq!(
        product.to_string(),
        "not allowed: 403 forbidden, product unified_api (trace id trace-1); \
         the keys are valid: enable the product for this account, or ask Terra to enable it"
    );
    let unavailable = error(503, r#"{"detail":"try later","code":"authorization_unavailable"}"#).await;
    assert!(matches!(&unavailable, Error::Server(_)));
    assert_eq!(refusal(&unavailable).code.as_deref(), Some(ApiProblem::AUTHORIZATION_UNAVAILABLE));
    assert_eq!(
        unavailable.to_string(),
        "the server failed: 503 try later (trace id trace-1); \
         it cannot check the keys now; retry later with the same keys"
    );
}
