//! How oddly a provider may write a token answer, at a login and at a refresh; and what each refusal means at each built-in
//! recipe.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use axum::Router;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use terra_auth_model::provider::{Connects, ProviderError, Providers as _, RefreshError, Tokens};
use terra_auth_providers::Recipes;
use terra_auth_testkit::{
    http,
    sandbox_login::{START, providers},
};

use crate::{
    parrot::{PLAIN, Parrot, repeat, tokens},
    refresh::class,
};

const LOGIN: &str = r#"
scopes = ["a", "b"]
required_scopes = ["a"]
access_ttl_s = 90
access_ttl_max_s = 1000
refresh = { rotation = "single_use" }"#;

/// A good answer with some fields in another form; `null` in `changed` is a null in the answer, `"-"` leaves a field out.
fn answer(changed: &Value) -> String {
    let mut answer = json!({
        "access_token": "access-2", "refresh_token": "refresh-2", "token_type": "Bearer", "expires_in": 600, "user_id": "u",
        "scope": "a b",
    });
    let fields = answer.as_object_mut().unwrap();
    for (name, value) in changed.as_object().unwrap() {
        if value == "-" {
            fields.remove(name);
        } else {
            fields.insert(name.clone(), value.clone());
        }
    }
    answer.to_string()
}

/// Access token, refresh token and seconds to live.
fn read(tokens: &Tokens) -> (String, Option<String>, Option<i64>) {
    let refresh_token = tokens.refresh_token.as_ref().map(|token| token.expose_secret().to_owned());
    let life = tokens.expires_at.map(|end| end.as_second() - START);
    (tokens.access_token.expose_secret().to_owned(), refresh_token, life)
}

/// What a login makes of an answer: account, granted scopes, missing scopes and tokens.
async fn at_login(body: &str) -> Result<(String, Vec<String>, Vec<String>, Tokens), String> {
    match Parrot::new(200, body).exchange(&format!("{PLAIN}{LOGIN}")).await {
        Ok(grant) => Ok((grant.account, grant.scopes, grant.missing_scopes, grant.tokens)),
        Err(ProviderError::Incomplete { source, .. }) => Err(format!("incomplete: {source}")),
        Err(error) => Err(error.to_string()),
    }
}

#[tokio::test]
async fn unusual_tokens_and_lifetimes_are_parsed_alike_at_login_and_refresh() {
    let (access, new) = ("access-2", Some("refresh-2"));
    for (changed, access_token, refresh_token, life) in [
        (json!({}), access, new, 600),
        (json!({"expires_in": "600"}), access, new, 600),
        (json!({"expires_in": " 600 "}), access, new, 600),
        (json!({"expires_in": "600s"}), access, new, 600),
        (json!({"expires_in": 600.0}), access, new, 600),
        (json!({"expires_in": "600.0"}), access, new, 600),
        (json!({"expires_in": "-"}), access, new, 90),
        (json!({"expires_in": null}), access, new, 90),
        (json!({"expires_in": ""}), access, new, 90),
        (json!({"expires_in": 0}), access, new, 90),
        (json!({"expires_in": -5}), access, new, 90),
        (json!({"expires_in": "-1"}), access, new, 90),
        (json!({"expires_in": "soon"}), access, new, 90),
        (json!({"expires_in": [600]}), access, new, 90),
        (json!({"expires_in": {"seconds": 600}}), access, new, 90),
        (json!({"expires_in": true}), access, new, 90),
        (json!({"expires_in": 600_000}), access, new, 1000),
        (json!({"expires_in": u64::MAX}), access, new, 1000),
        (json!({"expires_in": 1e300}), access, new, 1000),
        (json!({"token_type": "-"}), access, new, 600),
        (json!({"token_type": "bEARER"}), access, new, 600),
        (json!({"token_type": null}), access, new, 600),
        (json!({"token_type": ["bearer"]}), access, new, 600),
        (json!({"refresh_token": "-"}), access, None, 600),
        (json!({"refresh_token": null}), access, None, 600),
        (json!({"refresh_token": ""}), access, None, 600),
        (json!({"refresh_token": " "}), access, None, 600),
        (json!({"refresh_token": false}), access, None, 600),
        (json!({"refresh_token": 77}), access, Some("77"), 600),
        (json!({"access_token": 77}), "77", new, 600),
        (json!({"access_token": " access-2\n"}), access, new, 600),
    ] {
        let body = answer(&changed);
        let (_, _, _, granted) = at_login(&body).await.unwrap_or_else(|error| panic!("{body}: {error}"));
        let expected =
            |refresh_token: Option<&str>| (access_token.to_owned(), refresh_token.map(str::to_owned), Some(life));
        assert_eq!(read(&granted), expected(refresh_token), "login: {body}");
        let refreshed = Parrot::new(200, &body).refresh(LOGIN).await;
        let refreshed = refreshed.unwrap_or_else(|error| panic!("{body}: {error}"));
        assert_eq!(read(&refreshed.tokens), expected(refresh_token.or(Some("refresh-1"))), "refresh: {body}");
    }
}

#[tokio::test]
async fn scopes_are_read_in_any_form_and_no_form_grants_more_than_was_granted() {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    for (scope, granted, missing) in [
        (json!("a b"), Some(&["a", "b"][..]), &[][..]),
        (json!("a"), Some(&["a"]), &[]),
        (json!("b"), Some(&["b"]), &["a"]),
        (json!(["a", "b"]), Some(&["a", "b"]), &[]),
        (json!(["a b"]), Some(&["a", "b"]), &[]),
        (json!(["b", null]), Some(&["b"]), &["a"]),
        (json!([]), Some(&[]), &["a"]),
        (json!(""), Some(&[]), &["a"]),
        (json!("-"), None, &[]),
        (json!(null), None, &[]),
    ] {
        let body = answer(&json!({"scope": scope}));
        let (_, at_login, missing_at_login, _) = at_login(&body).await.unwrap();
        assert_eq!(at_login, owned(granted.unwrap_or(&["a", "b"])), "{body}");
        assert_eq!(missing_at_login, owned(missing), "{body}");
        let refreshed = Parrot::new(200, &body).refresh(LOGIN).await.unwrap();
        assert_eq!(refreshed.scopes, granted.map(owned), "{body}");
    }
    for scope in [json!(7), json!(true), json!({"a": true}), json!(["a", 7]), json!([["a"]])] {
        let body = answer(&json!({"scope": scope}));
        assert_eq!(at_login(&body).await.unwrap_err(), "incomplete: the provider's answer cannot be read", "{body}");
        let refreshed = Parrot::new(200, &body).refresh(LOGIN).await.unwrap();
        assert_eq!(refreshed.scopes, None, "the new tokens count, and the scopes stay as they were: {body}");
    }
}

#[tokio::test]
async fn an_account_is_a_text_or_an_exact_number() {
    for (user_id, account) in [
        (json!("u/1"), Some("u/1")),
        (json!("7"), Some("7")),
        (json!(7), Some("7")),
        (json!(7.0), Some("7")),
        (json!(u64::MAX), Some("18446744073709551615")),
        (json!(1.5), None),
        (json!(1e30), None),
        (json!(""), None),
        (json!(null), None),
        (json!([7]), None),
        (json!({"id": 7}), None),
    ] {
        let body = answer(&json!({"user_id": user_id}));
        let found = at_login(&body).await.map(|(account, ..)| account);
        assert_eq!(found.ok().as_deref(), account, "{body}");
    }
}

#[tokio::test]
async fn an_answer_without_tokens_that_can_be_read_is_unreadable() {
    for body in [
        answer(&json!({"access_token": "-"})),
        answer(&json!({"access_token": null})),
        answer(&json!({"access_token": ""})),
        answer(&json!({"access_token": ["access-2"]})),
        answer(&json!({"access_token": {"value": "access-2"}})),
        answer(&json!({"refresh_token": {"value": "refresh-2"}})),
        answer(&json!({"refresh_token": ["refresh-2"]})),
        answer(&json!({"refresh_token": 1.5})),
        "[]".to_owned(),
        "null".to_owned(),
        r#""access-2""#.to_owned(),
        r#"{"error": {"code": "invalid_grant"}}"#.to_owned(),
        r#"{"error": ["invalid_grant"]}"#.to_owned(),
        r#"[{"error": "invalid_grant"}]"#.to_owned(),
        "access_token=access-2&expires_in=600".to_owned(),
        String::new(),
    ] {
        assert_eq!(at_login(&body).await.err().as_deref(), Some("the provider's answer cannot be read"), "{body}");
        let error = Parrot::new(200, &body).refresh(LOGIN).await.unwrap_err();
        assert!(matches!(error, RefreshError::Unreadable), "{body} {error:?}");
    }
    let marked = format!("\u{feff}{}", answer(&json!({})));
    assert!(at_login(&marked).await.is_ok() && Parrot::new(200, &marked).refresh(LOGIN).await.is_ok());
}

/// No recipe that refreshes leaves a connection without a next refresh, or with one that is years away.
#[tokio::test]
async fn each_built_in_recipe_limits_missing_and_implausible_lifetimes() {
    let recipes = Recipes::builtin().unwrap();
    for recipe in recipes.iter().filter(|recipe| recipe.info().connects == Connects::ByLogin) {
        let provider = recipe.info().provider;
        for (expires_in, least, most) in [
            (json!(null), 3600, 30 * 86_400),
            (json!(0), 3600, 30 * 86_400),
            (json!(-1), 3600, 30 * 86_400),
            (json!(1e300), 3600, 90 * 86_400),
        ] {
            let token = json!({
                "access_token": "access-2", "refresh_token": "refresh-2", "expires_in": expires_in, "status": 0,
                "result": "0000", "body": {"access_token": "access-2", "refresh_token": "r", "expires_in": expires_in},
            });
            let providers = of_recipe(recipe.text(), &Parrot::new(200, &token.to_string())).await;
            if providers.refresh_policy(&provider).is_none() {
                continue;
            }
            let refreshed = providers.refresh(&provider, None, &tokens()).await.unwrap();
            let life = read(&refreshed.tokens).2.unwrap();
            assert!((least..=most).contains(&life), "{provider} {expires_in}: {life}");
        }
    }
}

/// A built-in recipe with all of its addresses at the parrot.
async fn of_recipe(text: &str, parrot: &Parrot) -> terra_auth_providers::OAuthProviders {
    let here = http::serve(Router::new().fallback(repeat).with_state(parrot.clone())).await;
    let text: Vec<_> = text.lines().filter(|line| !line.starts_with("shutdown = ")).collect();
    let text = text.join("\n").replace("= \"https://", &format!("= \"{here}"));
    providers(Recipes::from_toml(&text, "moved.toml").unwrap(), "test-key-not-a-secret")
}

/// Refusals as they come from providers and from what stands before them, and what they mean at all of them.
const REFUSALS: [(u16, &str, &str); 26] = [
    (400, r#"{"error": "invalid_grant"}"#, "grant"),
    (401, r#"{"error": "invalid_grant", "error_description": "Token has been revoked"}"#, "grant"),
    (400, r#"{"error": "invalid_client"}"#, "app"),
    (401, r#"{"error": "invalid_client"}"#, "app"),
    (403, r#"{"error": "unauthorized_client"}"#, "app"),
    (400, r#"{"error": "invalid_request"}"#, "lost"),
    (400, r#"{"error": "invalid_scope"}"#, "lost"),
    (403, r#"{"error": "access_denied"}"#, "lost"),
    (400, r#"{"error": "temporarily_unavailable"}"#, "lost"),
    (400, "", "unreadable"),
    (400, "Bad Request", "unreadable"),
    (400, "<!doctype html><h1>invalid_grant</h1>", "unreadable"),
    (400, r#"{"message": "Bad Request"}"#, "unreadable"),
    (400, r#"{"error": {"code": "invalid_grant"}}"#, "unreadable"),
    (400, r#"["invalid_grant"]"#, "unreadable"),
    (302, "", "unreadable"),
    (401, "", "unreadable"),
    (401, r#"{"message": "Unauthorized"}"#, "unreadable"),
    (403, "<html>Your country is not served</html>", "unreadable"),
    (404, "<html>", "unreadable"),
    (405, r#"{"detail": "Method not allowed"}"#, "unreadable"),
    (429, "", "throttled"),
    (429, r#"{"error": "invalid_grant"}"#, "throttled"),
    (500, r#"{"error": "invalid_grant"}"#, "lost"),
    (502, "<html>invalid_grant</html>", "lost"),
    (503, r#"{"error": "invalid_client"}"#, "lost"),
];

#[tokio::test]
async fn each_refusal_has_the_same_meaning_at_every_built_in_recipe() {
    let recipes = Recipes::builtin().unwrap();
    for recipe in recipes.iter().filter(|recipe| recipe.info().connects == Connects::ByLogin) {
        let provider = recipe.info().provider;
        for (status, body, meaning) in REFUSALS {
            let providers = of_recipe(recipe.text(), &Parrot::new(status, body)).await;
            if providers.refresh_policy(&provider).is_none() {
                continue;
            }
            let error = providers.refresh(&provider, None, &tokens()).await.unwrap_err();
            assert_eq!(class(&error), meaning, "{provider}: {status} {body}");
        }
    }
}
