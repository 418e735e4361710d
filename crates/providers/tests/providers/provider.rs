//! Whole logins at the sandbox, and what becomes of its faults.

use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use terra_auth_model::provider::{Connects, Grant, ProviderError, Providers, RevokeError, RevokeResponse};
use terra_auth_sandbox::{Fault, GrantedScopes, ProviderProfile, provider_profiles};
use terra_auth_testkit::sandbox_login::{Login, START, all_scopes, param, provider};

#[tokio::test]
async fn every_face_of_the_sandbox_can_be_connected_and_revoked() {
    let login = Login::start().await;
    for face in provider_profiles() {
        let redirect = login.log_in(face, &all_scopes(face)).await;
        let grant = login.arrive(face, &redirect).await.unwrap();

        assert_eq!(param(&redirect, "state").as_deref(), Some("a state & more"), "{}", face.slug);
        assert_eq!(param(&redirect, "iss"), login.providers.issuer(&provider(face)), "{}", face.slug);
        assert_eq!(grant.account, face.account_id("demo"), "{}", face.slug);
        let told = if face.granted_scopes == GrantedScopes::NotReported { vec![] } else { owned(&all_scopes(face)) };
        assert_eq!((grant.scopes, grant.declined_scopes), (told, vec![]), "{}", face.slug);
        assert_eq!(grant.tokens.expires_at, Some(Timestamp::from_second(START + 8 * 3600).unwrap()));

        login.providers.revoke(&provider(face), None, Some(&grant.account), &grant.tokens).await.unwrap();
        assert!(login.sandbox.grants(face)[0].revoked, "{}", face.slug);
    }
}

#[tokio::test]
async fn the_list_of_providers_ends_with_on_device_ones() {
    let login = Login::start().await;
    let list = login.providers.list();
    let list: Vec<_> = list.iter().map(|info| (info.provider.as_str(), info.name.as_str(), info.connects)).collect();

    let (by_login, on_device) = list.split_at(provider_profiles().len());
    for face in provider_profiles() {
        assert!(by_login.contains(&(provider(face).as_str(), face.display_name, Connects::ByLogin)), "{}", face.slug);
    }
    assert_eq!(
        on_device,
        [
            ("APPLE", "Apple Health", Connects::OnDevice),
            ("SAMSUNG", "Samsung Health", Connects::OnDevice),
            ("HEALTH_CONNECT", "Health Connect", Connects::OnDevice)
        ]
    );
}

#[tokio::test]
async fn a_device_has_no_login() {
    let login = Login::start().await;
    for name in ["APPLE", "UNHEARD_OF"] {
        let provider = name.parse().unwrap();
        let answer =
            login.providers.exchange(&provider, None, &terra_auth_testkit::sandbox_login::code_exchange("any")).await;
        assert!(matches!(answer, Err(ProviderError::Unknown)), "{name}");
        assert_eq!(login.providers.issuer(&provider), None);
    }
}

#[tokio::test]
async fn requested_scopes_that_are_not_granted_count_as_declined() {
    let login = Login::start().await;
    for (face, given, declined) in [
        (
            &ProviderProfile::STRAVA,
            ["read", "activity:read"],
            ["read_all", "profile:read_all", "activity:read_all"].as_slice(),
        ),
        (&ProviderProfile::WITHINGS, ["user.metrics", "user.activity"], &["user.info", "user.sleepevents"]),
    ] {
        let grant = login.arrive(face, &login.log_in(face, &given).await).await.unwrap();
        assert_eq!((grant.scopes, grant.declined_scopes), (owned(&given), owned(declined)), "{}", face.slug);
    }
}

#[tokio::test]
async fn a_code_that_was_used_is_refused_by_its_error_code() {
    let login = Login::start().await;
    let code = login.code(&ProviderProfile::FITBIT).await;
    assert!(login.exchange(&ProviderProfile::FITBIT, &code).await.is_ok());
    let again = login.exchange(&ProviderProfile::FITBIT, &code).await.unwrap_err();
    assert_eq!(again.to_string(), "the provider refused: invalid_grant");
}

#[tokio::test]
async fn a_busy_provider_is_unreachable_and_a_babbling_one_unreadable() {
    let login = Login::start().await;
    for (fault, unreachable) in [
        (Fault::TooManyRequests { retry_after_seconds: 1 }, true),
        (Fault::ServerError, true),
        (Fault::Html, false),
        (Fault::TruncatedJson, false),
    ] {
        let code = login.code(&ProviderProfile::OURA).await;
        login.sandbox.set_fault(&ProviderProfile::OURA, Some(fault));
        let error = login.exchange(&ProviderProfile::OURA, &code).await.unwrap_err();
        login.sandbox.set_fault(&ProviderProfile::OURA, None);
        let expected =
            if unreachable { "the provider cannot be reached" } else { "the provider's answer cannot be read" };
        assert_eq!(error.to_string(), expected, "{fault:?}");
    }
}

#[tokio::test]
async fn a_busy_provider_has_not_revoked_anything() {
    let login = Login::start().await;
    let (face, provider) = (&ProviderProfile::FITBIT, provider(&ProviderProfile::FITBIT));
    let grant = login.grant(face).await;
    login.sandbox.set_fault(face, Some(Fault::ServerError));
    let busy = login.providers.revoke(&provider, None, Some("demo"), &grant.tokens).await;
    assert!(matches!(busy, Err(RevokeError::Refused(RevokeResponse { status: Some(500), .. }))), "{busy:?}");
    assert!(!login.sandbox.grants(face)[0].revoked);

    login.sandbox.set_fault(face, None);
    assert!(login.providers.revoke(&provider, None, Some("demo"), &grant.tokens).await.is_ok());
    assert!(login.providers.revoke(&provider, None, Some("demo"), &grant.tokens).await.is_ok(), "gone already");
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let login = Login::start().await;
    let code = login.code(&ProviderProfile::GARMIN).await;
    login.sandbox.set_fault(&ProviderProfile::GARMIN, Some(Fault::Slow(Duration::from_millis(100))));
    assert!(login.exchange(&ProviderProfile::GARMIN, &code).await.is_ok());
}

#[tokio::test]
async fn a_provider_that_gives_no_refresh_token_is_connected_without_one() {
    let login = Login::start().await;
    let code = login.code(&ProviderProfile::POLAR).await;
    login.sandbox.set_fault(&ProviderProfile::POLAR, Some(Fault::NoRefreshToken));
    let Grant { account, tokens, .. } = login.exchange(&ProviderProfile::POLAR, &code).await.unwrap();
    login.sandbox.set_fault(&ProviderProfile::POLAR, None);
    assert!(tokens.refresh_token.is_none());

    login.providers.revoke(&provider(&ProviderProfile::POLAR), None, Some(&account), &tokens).await.unwrap();
    assert!(login.sandbox.grants(&ProviderProfile::POLAR)[0].revoked, "revoked by its access token");
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let login = Login::start().await;
    let grant = login.grant(&ProviderProfile::FITBIT).await;
    let printed = format!("{grant:?}");
    assert!(!printed.contains(grant.tokens.access_token.expose_secret()));
    assert!(!printed.contains(grant.tokens.refresh_token.unwrap().expose_secret()));
}

fn owned(scopes: &[&str]) -> Vec<String> {
    scopes.iter().map(|scope| (*scope).to_owned()).collect()
}
