//! What an operator's own recipe can say, against a provider that answers as it is told.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::sync::Arc;

use axum::{
    Router,
    http::{Method, header},
};
use secrecy::ExposeSecret;
use terra_auth_egress::AddressPolicy;
use terra_auth_model::{
    causes::Causes,
    provider::{
        AuthorizationRequest, ClientCredentials, ProviderError, Providers, RevokeError, RevokePolicy, RevokeResponse,
        RevokeScope, Revoked,
    },
};
use terra_auth_providers::{OAuthProviders, Recipes};
use terra_auth_testkit::{
    http,
    sandbox_login::{CALLBACK, CHALLENGE, Still, VERIFIER, code_exchange, param, providers},
};
use url::Url;

use crate::parrot::{Heard, PLAIN, Parrot, recipes, repeat, tokens};

fn authorization_url(login: &str) -> Url {
    let request = AuthorizationRequest {
        state: "state".to_owned(),
        code_challenge: CHALLENGE.to_owned(),
        redirect_uri: CALLBACK.parse().unwrap(),
    };
    let recipes = recipes(login, &"https://acme.example/".parse().unwrap());
    providers(recipes, "test-key-not-a-secret").authorization_url(&"ACME".parse().unwrap(), None, &request).unwrap()
}

#[tokio::test]
async fn the_authorize_url_follows_the_recipe() {
    let url = authorization_url(&format!(
        "{PLAIN}\nscopes = [\"a\", \"b:c\"]\nscope_separator = \",\"\nauthorize_params = {{ access_type = \"offline\" }}"
    ));
    assert_eq!(
        url.as_str(),
        "https://acme.example/authorize?tenant=acme&response_type=code&client_id=demo%3Aapp\
         &redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fcallback&state=state&scope=a%2Cb%3Ac\
         &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&access_type=offline"
    );
}

#[tokio::test]
async fn the_authorize_url_has_no_pkce_or_scopes_if_unsupported() {
    let without = format!("{PLAIN}\npkce = false");
    let url = authorization_url(&without);
    for name in ["scope", "code_challenge", "code_challenge_method"] {
        assert_eq!(param(&url, name), None);
    }
    let parrot = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u"}"#);
    parrot.exchange(&without).await.unwrap();
    assert!(!parrot.heard().unwrap().body.contains("code_verifier"));
}

#[tokio::test]
async fn a_code_is_exchanged_as_in_rfc_6749() {
    let parrot = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u"}"#);
    parrot.exchange(PLAIN).await.unwrap();
    let shared = format!(
        "grant_type=authorization_code&code=a+code&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fcallback\
         &code_verifier={VERIFIER}"
    );
    let expected = Heard {
        method: Method::POST,
        path: "/token".to_owned(),
        authorization: None,
        body: format!("{shared}&client_id=demo%3Aapp&client_secret=test-key-not-a-secret"),
    };
    assert_eq!(parrot.heard(), Some(expected));

    parrot.exchange(&PLAIN.replace("\"body\"", "\"basic\"")).await.unwrap();
    let heard = parrot.heard().unwrap();
    assert_eq!(heard.body, shared);
    assert_eq!(heard.authorization.unwrap(), "Basic ZGVtbyUzQWFwcDp0ZXN0LWtleS1ub3QtYS1zZWNyZXQ=");
}

#[tokio::test]
async fn an_answer_is_read_where_the_recipe_points() {
    let parrot = Parrot::new(
        200,
        r#"{"access_token": "access-1", "expires_in": "60", "athlete": {"id": 42}, "granted": {"scopes": "b d"}}"#,
    );
    let login = PLAIN.replace("user_id", "athlete.id")
        + "\nscopes = [\"a\", \"b\"]\nscope_separator = \",\"\ngranted_scopes = \"granted.scopes\"";
    let grant = parrot.exchange(&login).await.unwrap();

    assert_eq!(grant.account, "42");
    assert_eq!((grant.scopes, grant.declined_scopes), (vec!["b".to_owned(), "d".to_owned()], vec!["a".to_owned()]));
    assert_eq!(grant.tokens.access_token.expose_secret(), "access-1");
    assert_eq!(grant.tokens.expires_at.unwrap().as_second(), terra_auth_testkit::sandbox_login::START + 60);
}

#[tokio::test]
async fn an_answer_without_scopes_granted_them_all() {
    let parrot = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u"}"#);
    let grant = parrot.exchange(&format!("{PLAIN}\nscopes = [\"a\", \"b\"]")).await.unwrap();
    assert_eq!((grant.scopes.len(), grant.declined_scopes.len(), grant.tokens.expires_at), (2, 0, None));
}

#[tokio::test]
async fn an_invalid_response_is_unreadable() {
    let too_long = format!(r#"{{"access_token": "access-1", "user_id": "{}"}}"#, "x".repeat(64 * 1024));
    for (status, body) in [
        (200, r#"{"user_id": "u"}"#),
        (200, r#"{"access_token": "", "user_id": "u"}"#),
        (200, "[]"),
        (200, too_long.as_str()),
        (404, r#"{"message": "no"}"#),
        (400, r#"{"error": "two words\nand a line"}"#),
    ] {
        let error = Parrot::new(status, body).exchange(PLAIN).await.unwrap_err();
        assert!(matches!(error, ProviderError::Unreadable), "{status} {body:.40} {error:?}");
    }
}

#[tokio::test]
async fn tokens_of_nobody_come_with_the_error() {
    for body in [r#"{"access_token": "access-1"}"#, r#"{"access_token": "access-1", "user_id": ""}"#] {
        let error = Parrot::new(200, body).exchange(PLAIN).await.unwrap_err();
        assert!(matches!(error, ProviderError::Incomplete { .. }), "{body} {error:?}");
    }
}

#[tokio::test]
async fn an_oauth_error_is_recognized_by_its_code_and_not_its_status() {
    for status in [200, 400, 401] {
        let error = Parrot::new(status, r#"{"error": "invalid_client"}"#).exchange(PLAIN).await.unwrap_err();
        assert_eq!(error.to_string(), "the provider refuses the app: invalid_client", "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u"}"#);
    let there = http::serve(Router::new().fallback(repeat).with_state(elsewhere.clone())).await;
    let mut parrot = Parrot::new(307, "{}");
    parrot.headers.insert(header::LOCATION, there.as_str().parse().unwrap());

    assert!(matches!(parrot.exchange(PLAIN).await, Err(ProviderError::Unreadable)));
    assert_eq!(elsewhere.heard(), None, "nobody was called");
}

#[tokio::test]
async fn errors_tell_no_url_and_no_secret() {
    let (listener, nobody) = http::listen().await;
    drop(listener);
    let login = format!("{PLAIN}\nrevoke = {{ url = \"{{here}}revoke\", sent = {{ query = \"token\" }} }}");
    let providers = providers(recipes(&login, &nobody), "test-key-not-a-secret");
    let error = providers.revoke(&"ACME".parse().unwrap(), None, None, &tokens()).await.unwrap_err();
    let told = format!("{} {error:?}", Causes(&error));

    assert!(told.starts_with("the provider cannot be reached: the call failed: "), "{told}");
    for secret in ["refresh-1", "not-a-secret", "/revoke"] {
        assert!(!told.contains(secret), "{told}");
    }
}

#[tokio::test]
async fn a_revocation_is_sent_as_the_recipe_says() {
    let here = r#"url = "{here}users/me""#;
    let basic = "Basic ZGVtbyUzQWFwcDp0ZXN0LWtleS1ub3QtYS1zZWNyZXQ=";
    for (recipe, method, path, authorization, body) in [
        ("", Method::POST, "/users/me", None, "token=refresh-1"),
        (", client_auth = \"basic\"", Method::POST, "/users/me", Some(basic), "token=refresh-1"),
        (
            ", client_auth = \"body\", token = \"access\", sent = { form = \"key\" }",
            Method::POST,
            "/users/me",
            None,
            "key=access-1&client_id=demo%3Aapp&client_secret=test-key-not-a-secret",
        ),
        (
            ", method = \"DELETE\", token = \"access\", sent = \"bearer\"",
            Method::DELETE,
            "/users/me",
            Some("Bearer access-1"),
            "",
        ),
        (", method = \"GET\", sent = { query = \"t\" }", Method::GET, "/users/me?t=refresh-1", None, ""),
    ] {
        let parrot = Parrot::new(200, "");
        parrot.revoke(&format!("{{ {here}{recipe} }}")).await.unwrap();
        let authorization = authorization.map(str::to_owned);
        let expected = Heard { method, path: path.to_owned(), authorization, body: body.to_owned() };
        assert_eq!(parrot.heard(), Some(expected), "{recipe}");
    }
}

/// What a recipe makes of an answer to its revocation.
async fn verdict(recipe: &str, status: u16, body: &str) -> String {
    let shown = |answer: RevokeResponse| format!("{} {}", answer.status.unwrap(), answer.code.unwrap_or_default());
    match Parrot::new(status, body).revoke(recipe).await {
        Ok(Revoked::Confirmed(answer)) => format!("confirmed {}", shown(answer)),
        Ok(Revoked::AlreadyGone(answer)) => format!("gone {}", shown(answer)),
        Err(RevokeError::AppRefused(answer)) => format!("app {}", shown(answer)),
        Err(RevokeError::TokenRefused(answer)) => format!("token {}", shown(answer)),
        Err(RevokeError::Refused(answer)) => format!("refused {}", shown(answer)),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn only_the_listed_responses_complete_a_revocation() {
    let recipe = r#"{ url = "{here}", success = [204], gone = [410], gone_errors = ["invalid_token"] }"#;
    for (status, body, expected) in [
        (204, "", "confirmed 204 "),
        (410, "", "gone 410 "),
        (400, r#"{"error": "invalid_token"}"#, "gone 400 invalid_token"),
        (400, r#"{"error": "invalid_client"}"#, "app 400 invalid_client"),
        (401, "", "refused 401 "),
        (200, "{}", "refused 200 "),
        (404, "", "refused 404 "),
        (429, "", "refused 429 "),
        (503, r#"{"error": "invalid_token"}"#, "refused 503 "),
    ] {
        assert_eq!(verdict(recipe, status, body).await, expected, "{body}");
    }
}

#[tokio::test]
async fn a_rejected_access_token_differs_from_a_rejected_app() {
    let recipe = r#"{ url = "{here}", token = "access", sent = "bearer" }"#;
    for (status, body, expected) in [
        (401, "", "token 401 "),
        (401, r#"{"error": "invalid_token"}"#, "token 401 invalid_token"),
        (401, r#"{"error": "invalid_client"}"#, "app 401 invalid_client"),
        (403, "", "refused 403 "),
    ] {
        assert_eq!(verdict(recipe, status, body).await, expected, "{body}");
    }
    let gone = r#"{ url = "{here}", token = "access", sent = "bearer", gone = [401] }"#;
    assert_eq!(verdict(gone, 401, "").await, "gone 401 ");
}

#[tokio::test]
async fn a_result_code_counts_more_than_the_status() {
    let recipe =
        "{ url = \"{here}\" }\nanswer = { status = \"result\", ok = [\"0000\"], codes = { invalid_client = [102] } }";
    for (body, expected) in [
        (r#"{"result": "0000"}"#, "confirmed 200 "),
        ("", "confirmed 200 "),
        (r#"{"result": "5001"}"#, "refused 200 5001"),
        (r#"{"result": 102}"#, "app 200 102"),
    ] {
        assert_eq!(verdict(recipe, 200, body).await, expected, "{body}");
    }
}

#[tokio::test]
async fn a_recipe_defines_the_revocation_request() {
    for (recipe, needs_access_token, ends) in [
        ("", false, RevokeScope::Account),
        (", token = \"refresh\", ends = \"account\"", false, RevokeScope::Account),
        (", token = \"access\", ends = \"grant\"", true, RevokeScope::Grant),
    ] {
        let login = format!("{PLAIN}\nrevoke = {{ url = \"{{here}}revoke\"{recipe} }}");
        let providers = Parrot::new(200, "").providers(&login).await;
        let policy = providers.revoke_policy(&"ACME".parse().unwrap());
        assert_eq!(policy, Some(RevokePolicy { needs_access_token, ends }), "{recipe}");
    }
}

#[tokio::test]
async fn a_provider_without_revocation_is_not_called() {
    let parrot = Parrot::new(500, "");
    let providers = parrot.providers(PLAIN).await;
    let unasked = providers.revoke(&"ACME".parse().unwrap(), None, None, &tokens()).await;
    assert!(matches!(unasked, Err(RevokeError::NoCall)), "{unasked:?}");
    let unknown = providers.revoke(&"NOSUCH".parse().unwrap(), None, None, &tokens()).await;
    assert!(matches!(unknown, Err(RevokeError::Unknown)), "{unknown:?}");
    assert_eq!(parrot.heard(), None);
}

#[tokio::test]
async fn a_revocation_by_account_is_not_sent_without_an_account() {
    let parrot = Parrot::new(200, "");
    let login = format!("{PLAIN}\nrevoke = {{ url = \"{{here}}users/{{account}}\" }}");
    let providers = parrot.providers(&login).await;
    let unasked = providers.revoke(&"ACME".parse().unwrap(), None, None, &tokens()).await;
    assert!(matches!(unasked, Err(RevokeError::NoAccount)), "{unasked:?}");
    assert_eq!(parrot.heard(), None);
}

#[tokio::test]
async fn a_provider_at_a_private_address_is_not_called_unless_the_operator_allows_it() {
    let parrot = Parrot::new(200, "");
    let here = http::serve(Router::new().fallback(repeat).with_state(parrot.clone())).await;
    let recipes = recipes(PLAIN, &here.as_str().replace("http:", "https:").parse().unwrap());
    let credentials = ClientCredentials::new("", "");
    let providers =
        OAuthProviders::new(recipes, |_| Some(credentials.clone()), AddressPolicy::Public, Arc::new(Still)).unwrap();
    let error = providers.exchange(&"ACME".parse().unwrap(), None, &code_exchange("any")).await.unwrap_err();

    assert_eq!(
        Causes(&error).to_string(),
        "the provider cannot be reached: calls to this address are not allowed: its address is not public"
    );
    assert_eq!(parrot.heard(), None);
}

#[tokio::test]
async fn closed_providers_are_not_listed_and_configured_ones_are() {
    let ended = format!("{PLAIN}\n[[provider]]\nprovider = \"OVER\"\nname = \"Over\"\ntypes = []\n");
    for (name, shutdown, has_app, is_listed) in [
        ("with an app", "", true, true),
        ("without an app", "", false, true),
        ("on its last day", "shutdown = { on = \"2030-01-02\", why = \"it ended\" }\n", true, true),
        ("on the day after", "shutdown = { on = \"2030-01-01\", why = \"it ended\" }\n", true, false),
    ] {
        let text = format!(
            "[[provider]]\nprovider = \"ACME\"\nname = \"Acme\"\ntypes = []\n{shutdown}[provider.login]\n{ended}"
        );
        let recipes = Recipes::from_toml(&text.replace("{here}", "https://acme.example/"), "own.toml").unwrap();
        let client = ClientCredentials::new("demo", "");
        let providers =
            OAuthProviders::new(recipes, |_| has_app.then(|| client.clone()), AddressPolicy::Public, Arc::new(Still))
                .unwrap();
        let list = providers.list();
        let listed: Vec<_> = list.iter().map(|info| info.name.as_str()).collect();
        assert_eq!(listed, if is_listed { vec!["Acme", "Over"] } else { vec!["Over"] }, "{name}");
        assert_eq!(providers.has_app(&"ACME".parse().unwrap()), has_app, "{name}");
    }
}

#[tokio::test]
async fn a_provider_closed_for_new_logins_still_refreshes() {
    let ended = "shutdown = { on = \"2030-01-01\", why = \"it ended\" }\n[provider.login]";
    let refresh = "refresh = { rotation = \"kept\" }";
    let text = format!(
        "[[provider]]\nprovider = \"ACME\"\nname = \"Acme\"\ntypes = []\n{ended}\n{PLAIN}\n{refresh}\n\
         [[provider]]\nprovider = \"OVER\"\nname = \"Over\"\ntypes = []\n[provider.login]\n{PLAIN}"
    );
    let recipes = Recipes::from_toml(&text.replace("{here}", "https://acme.example/"), "own.toml").unwrap();
    assert_eq!(providers(recipes, "test-key-not-a-secret").refreshable_providers(), ["ACME".parse().unwrap()]);
}

#[tokio::test]
async fn a_reload_replaces_all_recipes() {
    let (old, new) = (Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u"}"#), Parrot::new(500, ""));
    let providers = old.providers(&format!("{PLAIN}\nissuer = \"https://old.example\"")).await;
    let there = http::serve(Router::new().fallback(repeat).with_state(new.clone())).await;
    let (acme, over) = ("ACME".parse().unwrap(), "OVER".parse().unwrap());
    let before = providers.list();
    providers.exchange(&acme, None, &code_exchange("any")).await.unwrap();
    assert!(old.heard().is_some());

    let text = "[[provider]]\nprovider = \"OVER\"\nname = \"Over\"\ntypes = []\n[provider.login]\n".to_owned() + PLAIN;
    let recipes = Recipes::from_toml(&text.replace("{here}", there.as_str()), "new.toml").unwrap();
    providers.exchange_recipes(recipes, |_| Some(ClientCredentials::new("theirs", "test-key-not-a-secret")));
    assert!(matches!(providers.exchange(&acme, None, &code_exchange("any")).await, Err(ProviderError::Unknown)));
    assert!(matches!(providers.exchange(&over, None, &code_exchange("any")).await, Err(ProviderError::Unreachable(_))));
    assert!(new.heard().unwrap().body.contains("client_id=theirs"));
    assert_eq!((providers.list()[0].name.as_str(), before[0].name.as_str()), ("Over", "Acme"));
    assert_eq!((providers.issuer(&acme), providers.has_app(&acme), providers.has_app(&over)), (None, false, true));
}
