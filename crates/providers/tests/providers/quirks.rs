//! Where providers go their own way, one by one.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::sync::{Arc, Mutex};

use axum::{
    Router,
    http::{HeaderMap, Method, Uri},
    routing::{get, post},
};
use secrecy::ExposeSecret as _;
use terra_auth_model::provider::{
    AuthorizationRequest, ClientCredentials, CodeExchange, Grant, ProviderError, Providers as _,
};
use terra_auth_testkit::{
    http,
    sandbox_login::{CALLBACK, CHALLENGE, VERIFIER, code_exchange, param, providers},
};

use crate::parrot::{Heard, PLAIN, Parrot, recipes, tokens};

const GOOD: &str = r#"{"access_token": "access-1", "user_id": "u/1"}"#;

async fn exchange(parrot: &Parrot, login: &str, exchange: CodeExchange) -> Result<Grant, ProviderError> {
    parrot.providers(login).await.exchange(&"ACME".parse().unwrap(), None, &exchange).await
}

fn without_identity() -> String {
    PLAIN.replace("identity = { field = \"user_id\" }", "")
}

#[tokio::test]
async fn scopes_may_be_granted_in_the_redirect_or_nowhere() {
    let login = format!("{PLAIN}\nscopes = [\"a\", \"b\"]\nscope_separator = \",\"\n");
    let redirected = CodeExchange { scope: Some("b,c".to_owned()), ..code_exchange("any") };
    let parrot = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u", "scope": "a"}"#);
    for (place, granted, declined) in [
        ("{ redirect = \"scope\" }", &["b", "c"][..], &["a"][..]),
        ("{ field = \"scope\" }", &["a"], &["b"]),
        ("\"scope\"", &["a"], &["b"]),
        ("\"elsewhere\"", &["a", "b"], &[]),
        ("\"none\"", &["a", "b"], &[]),
    ] {
        let again = CodeExchange { scope: redirected.scope.clone(), ..code_exchange("any") };
        let grant = exchange(&parrot, &format!("{login}granted_scopes = {place}"), again).await.unwrap();
        assert_eq!((grant.scopes, grant.declined_scopes), (owned(granted), owned(declined)), "{place}");
    }
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[tokio::test]
async fn a_required_scope_that_was_not_granted_is_missing() {
    let login = format!("{PLAIN}\nscopes = [\"a\", \"b\", \"c\"]\nrequired_scopes = [\"a\", \"b\"]");
    let parrot = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u", "scope": "a"}"#);
    let grant = parrot.exchange(&login).await.unwrap();
    assert_eq!((grant.declined_scopes, grant.missing_scopes), (owned(&["b", "c"]), owned(&["b"])));
}

#[tokio::test]
async fn a_scope_parameter_may_have_another_name() {
    let login = format!("{PLAIN}\nscopes = [\"a\"]\nscope_parameter = \"APIName\"");
    let request = AuthorizationRequest {
        state: "state".to_owned(),
        code_challenge: CHALLENGE.to_owned(),
        redirect_uri: CALLBACK.parse().unwrap(),
    };
    let providers = providers(recipes(&login, &"https://acme.example/".parse().unwrap()), "test-key-not-a-secret");
    let url = providers.authorization_url(&"ACME".parse().unwrap(), None, &request).unwrap();
    assert_eq!((param(&url, "APIName").as_deref(), param(&url, "scope")), (Some("a"), None));
}

#[tokio::test]
async fn a_code_may_need_more_parameters_and_its_answer_unpacking() {
    let parrot = Parrot::new(200, r#"{"status": 0, "body": {"access_token": "access-1", "userid": 7}}"#);
    let login = PLAIN.replace("user_id", "userid")
        + "\ntoken_params = { action = \"requesttoken\" }\nanswer = { inside = \"body\", status = \"status\", ok = [0] }";
    assert_eq!(parrot.exchange(&login).await.unwrap().account, "7");
    assert!(parrot.heard().unwrap().body.contains("&action=requesttoken&"));

    let refused = Parrot::new(200, r#"{"status": 293, "body": {}}"#).exchange(&login).await.unwrap_err();
    assert_eq!(refused.to_string(), "the provider refused: 293");
}

#[tokio::test]
async fn a_code_may_be_exchanged_by_json_or_in_the_url() {
    let form = format!(
        "grant_type=authorization_code&code=any&redirect_uri=https%3A%2F%2Fapp.example%2Fauth%2Fcallback\
         &code_verifier={VERIFIER}&client_id=demo%3Aapp&client_secret=test-key-not-a-secret"
    );
    let json = format!(
        r#"{{"client_id":"demo:app","client_secret":"test-key-not-a-secret","code":"any","code_verifier":"{VERIFIER}","grant_type":"authorization_code","redirect_uri":"{CALLBACK}"}}"#
    );
    for (request, method, path, body) in [
        ("form", Method::POST, "/token".to_owned(), form.clone()),
        ("json", Method::POST, "/token".to_owned(), json),
        ("query", Method::POST, format!("/token?{form}"), String::new()),
        ("get", Method::GET, format!("/token?{form}"), String::new()),
    ] {
        let parrot = Parrot::new(200, GOOD);
        let login = format!("{PLAIN}\ntoken_request = \"{request}\"");
        exchange(&parrot, &login, code_exchange("any")).await.unwrap();
        assert_eq!(parrot.heard(), Some(Heard { method, path, authorization: None, body }), "{request}");
    }
}

#[tokio::test]
async fn granted_scopes_may_need_a_separate_request() {
    let answer = r#"{"access_token": "access-1", "user_id": "u", "scope": "a", "told": ["a", "c d"], "text": "a,b"}"#;
    let login = format!("{PLAIN}\nscopes = [\"a\", \"b\"]\nscope_separator = \",\"\n");
    for (field, granted, declined) in [("told", &["a", "c d"][..], &["b"][..]), ("text", &["a", "b"], &[])] {
        let parrot = Parrot::new(200, answer);
        let place = format!("granted_scopes = {{ url = \"{{here}}permissions\", field = \"{field}\" }}");
        let grant = parrot.exchange(&format!("{login}{place}")).await.unwrap();
        assert_eq!((grant.scopes, grant.declined_scopes), (owned(granted), owned(declined)), "{field}");
        let heard = parrot.heard().unwrap();
        assert_eq!((heard.method, heard.path.as_str()), (Method::GET, "/permissions"));
        assert_eq!(heard.authorization.as_deref(), Some("Bearer access-1"));
    }
}

#[tokio::test]
async fn granted_scopes_may_be_the_complete_response() {
    let routes =
        Router::new().route("/token", post(async || GOOD)).route("/permissions", get(async || r#"["a", "b"]"#));
    let here = http::serve(routes).await;
    let login = format!("{PLAIN}\ngranted_scopes = {{ url = \"{{here}}permissions\" }}");
    let providers = providers(recipes(&login, &here), "test-key-not-a-secret");
    let grant = providers.exchange(&"ACME".parse().unwrap(), None, &code_exchange("any")).await.unwrap();
    assert_eq!((grant.scopes, grant.declined_scopes), (owned(&["a", "b"]), owned(&[])));
}

#[tokio::test]
async fn no_connection_is_created_without_granted_scopes() {
    let place = |rest: &str| format!("{PLAIN}\ngranted_scopes = {{ url = \"{{here}}permissions\"{rest} }}");
    for rest in ["", ", field = \"missing\"", ", field = \"user_id.x\""] {
        let error = Parrot::new(200, GOOD).exchange(&place(rest)).await.unwrap_err();
        assert!(matches!(error, ProviderError::Incomplete { .. }), "{rest} {error:?}");
    }
}

#[tokio::test]
async fn where_end_users_choose_at_the_provider_a_choice_may_be_required() {
    let parrot = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u", "permissions": ["HISTORY"]}"#);
    let place = "granted_scopes = { url = \"{here}permissions\", field = \"permissions\" }";
    let login = format!("{PLAIN}\n{place}\nrequired_scopes = [\"HEALTH\", \"HISTORY\"]");
    let grant = parrot.exchange(&login).await.unwrap();
    assert_eq!((grant.scopes, grant.missing_scopes), (owned(&["HISTORY"]), owned(&["HEALTH"])));
}

#[tokio::test]
async fn an_account_may_be_named_in_the_access_token() {
    // {"alg":"none"} . {"sub":"user-7","n":null} . no signature
    let token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyLTciLCJuIjpudWxsfQ.";
    let parrot = Parrot::new(200, &format!(r#"{{"access_token": "{token}"}}"#));
    let login = |claim: &str| without_identity() + &format!("\nidentity = {{ jwt_claim = \"{claim}\" }}");

    assert_eq!(parrot.exchange(&login("sub")).await.unwrap().account, "user-7");
    assert!(matches!(parrot.exchange(&login("n")).await, Err(ProviderError::Incomplete { .. })));
    let opaque = Parrot::new(200, r#"{"access_token": "access-1"}"#);
    let error = opaque.exchange(&login("sub")).await.unwrap_err();
    let ProviderError::Incomplete { tokens, .. } = error else { panic!("{error:?}") };
    assert_eq!(tokens.access_token.expose_secret(), "access-1", "to be revoked");
}

#[tokio::test]
async fn an_account_without_an_id_is_identified_by_the_reference_id() {
    let parrot = Parrot::new(200, GOOD);
    let named = CodeExchange { reference_id: Some("user_1".parse().unwrap()), ..code_exchange("any") };
    assert_eq!(exchange(&parrot, &without_identity(), named).await.unwrap().account, "reference:user_1");

    let unnamed = parrot.exchange(&without_identity()).await.unwrap().account;
    assert!(unnamed.starts_with("login:") && !unnamed.contains("access-1"), "{unnamed}");
    let other = Parrot::new(200, r#"{"access_token": "access-2"}"#);
    assert_ne!(other.exchange(&without_identity()).await.unwrap().account, unnamed);
}

#[tokio::test]
async fn a_new_user_is_registered_as_the_recipe_defines() {
    let parrot = Parrot::new(200, GOOD);
    for (recipe, reference_id, method, path, body) in [
        ("url = \"{here}users\"", None, Method::POST, "/users", ""),
        (
            "url = \"{here}users\", body = { json = { member-id = \"t-{reference_id}\" } }",
            Some("user_1"),
            Method::POST,
            "/users",
            r#"{"member-id":"t-user_1"}"#,
        ),
        (
            "url = \"{here}users\", body = { form = { id = \"{reference_id}\", app = \"{client_id}\" } }",
            None,
            Method::POST,
            "/users",
            "app=demo%3Aapp&id=u%2F1",
        ),
        ("url = \"{here}users/{account}\", method = \"GET\"", None, Method::GET, "/users/u%2F1", ""),
    ] {
        let login = format!("{PLAIN}\nafter_consent = {{ {recipe} }}");
        let reference_id = reference_id.map(|id: &str| id.parse().unwrap());
        exchange(&parrot, &login, CodeExchange { reference_id, ..code_exchange("any") }).await.unwrap();
        let heard = parrot.heard().unwrap();
        assert_eq!((heard.method, heard.path.as_str(), heard.body.as_str()), (method, path, body), "{recipe}");
        assert_eq!(heard.authorization.as_deref(), Some("Bearer access-1"));
    }
}

#[tokio::test]
async fn a_connection_needs_the_provider_to_take_the_new_user() {
    let login = format!("{PLAIN}\nafter_consent = {{ url = \"{{here}}users\", success = [409] }}");
    assert!(matches!(Parrot::new(200, GOOD).exchange(&login).await, Err(ProviderError::Incomplete { .. })));
    let listed = login.replace("409", "200, 409");
    assert!(Parrot::new(200, GOOD).exchange(&listed).await.is_ok());
}

#[tokio::test]
async fn no_user_is_registered_without_the_required_scopes() {
    let parrot = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u", "scope": ""}"#);
    let login =
        format!("{PLAIN}\nscopes = [\"a\"]\nrequired_scopes = [\"a\"]\nafter_consent = {{ url = \"{{here}}users\" }}");
    assert_eq!(parrot.exchange(&login).await.unwrap().missing_scopes, ["a"]);
    assert_eq!(parrot.heard().unwrap().path, "/token", "the last call");
}

#[tokio::test]
async fn a_revocation_may_name_account_and_app() {
    let parrot = Parrot::new(200, "");
    let recipe = "url = \"{here}users/{account}?client_id={client_id}\", method = \"DELETE\", sent = \"bearer\"";
    parrot.revoke(&format!("{{ {recipe} }}")).await.unwrap();
    assert_eq!(parrot.heard().unwrap().path, "/users/a%2F7?client_id=demo%3Aapp");
}

#[tokio::test]
async fn headers_of_an_app_go_along_with_every_call_and_are_printed_nowhere() {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&calls);
    let answer = async move |headers: HeaderMap, uri: Uri| {
        let key = headers.get("x-key").map(|key| key.to_str().unwrap().to_owned());
        heard.lock().unwrap().push((uri.path().to_owned(), key));
        r#"{"access_token": "access-1", "user_id": "u", "permissions": []}"#
    };
    let here = http::serve(Router::new().fallback(answer)).await;
    let login = PLAIN.replace("identity = {", "identity = { url = \"{here}me\",")
        + r#"
granted_scopes = { url = "{here}permissions", field = "permissions" }
after_consent = { url = "{here}users" }
refresh = { rotation = "kept" }
revoke = { url = "{here}revoke" }"#;

    let (providers, acme) = (providers(recipes(&login, &here), "test-key-not-a-secret"), "ACME".parse().unwrap());

    let headers = vec![("X-Key".to_owned(), "key-not-a-secret".into())];

    let app = ClientCredentials { headers, ..ClientCredentials::new("theirs", "test-key-not-a-secret") };

    providers.exchange(&acme, Some(&app), &code_exchange("any")).await.unwrap();

    providers.refresh(&acme, Some(&app), &tokens()).await.unwrap();

    providers.revoke(&acme, Some(&app), None, &tokens()).await.unwrap();

    let key = Some("key-not-a-secret".to_owned());

    let paths = ["/token", "/me", "/permissions", "/users", "/token", "/revoke"];

    assert_eq!(*calls.lock().unwrap(), paths.map(|path| (path.to_owned(), key.clone())));

    assert!(!format!("{app:?}").contains("not-a-secret"));
}

#[tokio::test]
async fn a_login_does_not_begin_where_it_cannot_end() {
    let request = |redirect_uri: &str| AuthorizationRequest {
        state: "state".to_owned(),
        code_challenge: CHALLENGE.to_owned(),
        redirect_uri: redirect_uri.parse().unwrap(),
    };
    let here = "https://acme.example/".parse().unwrap();
    let https_only = recipes(&format!("{PLAIN}\nhttps_only_callback = true"), &here);
    let providers = providers(https_only, "test-key-not-a-secret");
    let begin = |redirect_uri| providers.authorization_url(&"ACME".parse().unwrap(), None, &request(redirect_uri));
    assert!(matches!(begin("http://127.0.0.1/auth"), Err(ProviderError::InsecureCallback)));
    assert!(begin(CALLBACK).is_ok());
}
