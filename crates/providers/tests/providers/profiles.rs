//! Apps that a provider treats in another way: each names its profile, and no call falls back to another one.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use secrecy::ExposeSecret as _;
use terra_auth_model::{
    causes::Causes,
    provider::{AppCheck, AuthorizationRequest, ClientCredentials, ProviderError, Providers as _, RevokeError},
};
use terra_auth_providers::OAuthProviders;
use terra_auth_sandbox::{Portal, ProviderProfile};
use terra_auth_testkit::sandbox_login::{CALLBACK, CHALLENGE, Login, code_exchange, provider};

use crate::{
    parrot::{PLAIN, Parrot, tokens},
    refresh::class,
};

const FACE: &ProviderProfile = &ProviderProfile::OURA;
const PROFILE: &str = "developer_portal";

fn app(profile: Option<&str>) -> ClientCredentials {
    ClientCredentials {
        profile: profile.map(str::to_owned),
        ..ClientCredentials::new("demo:app", "test key+not a secret")
    }
}

async fn check(providers: &OAuthProviders, name: &str, profile: Option<&str>) -> AppCheck {
    let app = app(profile);
    providers.check_app(&name.parse().unwrap(), Some(&app), CALLBACK.parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn an_app_is_served_by_its_profile_and_refused_without_a_verdict_by_another() {
    let login = Login::start().await;
    let oura = provider(FACE);
    for (portal, right, wrong) in [(Portal::First, None, Some(PROFILE)), (Portal::Second, Some(PROFILE), None)] {
        login.sandbox.set_portal(FACE, portal);
        let code = login.code(FACE).await;
        let refused = login.providers.exchange(&oura, Some(&app(wrong)), &code_exchange(&code)).await;
        assert!(matches!(&refused, Err(ProviderError::Refused { code }) if code == "invalid_request"), "{refused:?}");
        let grant = login.providers.exchange(&oura, Some(&app(right)), &code_exchange(&code)).await.unwrap();

        let lost = login.providers.refresh(&oura, Some(&app(wrong)), &grant.tokens).await.unwrap_err();
        assert_eq!(class(&lost), "lost", "no verdict on the grant: {lost:?}");
        let refreshed = login.providers.refresh(&oura, Some(&app(right)), &grant.tokens).await.unwrap();
        assert_ne!(refreshed.tokens.access_token.expose_secret(), grant.tokens.access_token.expose_secret());
        login.providers.revoke(&oura, Some(&app(right)), None, &refreshed.tokens).await.unwrap();
    }
}

#[tokio::test]
async fn a_check_names_the_profile_that_an_app_should_use() {
    let login = Login::start().await;
    let verdict = async |profile| {
        let check = check(&login.providers, FACE.slug, profile).await;
        (check.verdict().as_str(), Causes(&check).to_string())
    };
    assert_eq!(verdict(None).await.0, "known");
    let (refused, why) = verdict(Some(PROFILE)).await;
    assert!(
        refused == "refused" && why.ends_with("without a profile of the recipe; set the app again without one"),
        "{why}"
    );

    login.sandbox.set_portal(FACE, Portal::Second);
    assert_eq!(verdict(Some(PROFILE)).await.0, "known");
    let (refused, why) = verdict(None).await;
    assert!(refused == "refused" && why.contains("only with the profile `developer_portal` of the recipe"), "{why}");
}

const TWO: &str = r#"
revoke = { url = "{here}revoke" }
refresh = { rotation = "single_use" }
profiles.all = { about = "a", authorize_url = "{here}a", token_url = "{here}t", refresh_url = "{here}r", revoke_url = "{here}v" }
profiles.login = { about = "b", authorize_url = "{here}a" }
"#;

#[tokio::test]
async fn each_endpoint_is_the_profiles_or_else_the_recipes() {
    let parrot = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u"}"#);
    let providers = parrot.providers(&format!("{PLAIN}{TWO}")).await;
    let acme = "ACME".parse().unwrap();
    assert_eq!(providers.profiles(&acme), ["all", "login"]);
    for (profile, expected) in [
        (None, ["/authorize", "/token", "/token", "/revoke"]),
        (Some("all"), ["/a", "/t", "/r", "/v"]),
        (Some("login"), ["/a", "/token", "/token", "/revoke"]),
    ] {
        let app = app(profile);
        let request = AuthorizationRequest {
            state: "state".to_owned(),
            code_challenge: CHALLENGE.to_owned(),
            redirect_uri: CALLBACK.parse().unwrap(),
        };
        let authorize = providers.authorization_url(&acme, Some(&app), &request).unwrap();
        providers.exchange(&acme, Some(&app), &code_exchange("any")).await.unwrap();
        providers.refresh(&acme, Some(&app), &tokens()).await.unwrap();
        providers.revoke(&acme, Some(&app), None, &tokens()).await.unwrap();
        let heard = parrot.all_heard().into_iter().map(|heard| heard.path);
        assert_eq!([authorize.path().to_owned()].into_iter().chain(heard).collect::<Vec<_>>(), expected, "{profile:?}");
    }
}

#[tokio::test]
async fn an_app_with_a_profile_that_is_unknown_is_refused_here_and_nobody_is_called() {
    let parrot = Parrot::new(200, r#"{"access_token": "access-1", "user_id": "u"}"#);
    let providers = parrot.providers(&format!("{PLAIN}{TWO}")).await;
    let (acme, app) = ("ACME".parse().unwrap(), app(Some("nosuch")));
    let exchanged = providers.exchange(&acme, Some(&app), &code_exchange("any")).await.unwrap_err();
    assert_eq!(exchanged.to_string(), "the provider refuses the app: unknown_profile");
    let refreshed = providers.refresh(&acme, Some(&app), &tokens()).await.unwrap_err();
    assert_eq!(class(&refreshed), "app");
    let revoked = providers.revoke(&acme, Some(&app), None, &tokens()).await;
    assert!(matches!(revoked, Err(RevokeError::AppRefused(_))), "{revoked:?}");
    assert_eq!(parrot.all_heard(), []);

    let why = check(&providers, "ACME", Some("nosuch")).await.to_string();
    assert_eq!(why, "the recipe has no profile `nosuch`; it has all, login");
}
