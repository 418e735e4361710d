//! Whether a provider knows the app.

use terra_auth_model::{causes::Causes, provider::Providers as _};
use terra_auth_sandbox::ProviderProfile;
use terra_auth_testkit::{
    http,
    sandbox_login::{CALLBACK, Login, provider, providers},
};

use crate::parrot::{PLAIN, Parrot, recipes};

#[tokio::test]
async fn the_error_for_an_invented_code_shows_whether_the_app_exists() {
    for (status, body, expected) in [
        (400, r#"{"error": "invalid_grant"}"#, "known"),
        (401, r#"{"error": "invalid_client"}"#, "refused"),
        (400, r#"{"error": "unauthorized_client"}"#, "refused"),
        (400, r#"{"error": "invalid_request"}"#, "unclear"),
        (200, r#"{"access_token": "access-1", "user_id": "u"}"#, "unclear"),
        (500, "", "unclear"),
        (429, "", "unclear"),
        (404, "<html>", "unclear"),
    ] {
        let parrot = Parrot::new(status, body);
        let providers = parrot.providers(PLAIN).await;
        let check = providers.check_app(&"ACME".parse().unwrap(), None, CALLBACK.parse().unwrap()).await.unwrap();
        assert_eq!(check.verdict().as_str(), expected, "{status} {body}");
        assert_eq!(parrot.all_heard().len(), 1, "one request");
    }
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_unreachable() {
    let (listener, nobody) = http::listen().await;
    drop(listener);
    let providers = providers(recipes(PLAIN, &nobody), "test-key-not-a-secret");
    let check = providers.check_app(&"ACME".parse().unwrap(), None, CALLBACK.parse().unwrap()).await.unwrap();
    assert_eq!(check.verdict().as_str(), "unreachable");
    assert!(!Causes(&check).to_string().contains("not-a-secret"));
    assert!(providers.check_app(&"OTHER".parse().unwrap(), None, CALLBACK.parse().unwrap()).await.is_err());
}

#[tokio::test]
async fn the_sandbox_knows_its_app() {
    let login = Login::start().await;
    let check =
        login.providers.check_app(&provider(&ProviderProfile::FITBIT), None, CALLBACK.parse().unwrap()).await.unwrap();
    assert_eq!(check.verdict().as_str(), "known");
}
