//! Each face of the sandbox, as its recipe meets it: what a refresh brings, and whether a lost answer can be had again.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::{sync::Arc, time::Duration};

use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use terra_auth_model::provider::{Providers as _, RefreshError, Refreshed, Rotation as Policy, Tokens};
use terra_auth_sandbox::{
    Endpoint, Fault, ProviderProfile, ReusePolicy, Rotation, SUBSCRIPTION_KEY, SUBSCRIPTION_KEY_HEADER,
    provider_profiles,
};
use terra_auth_testkit::sandbox_login::{Login, provider};

async fn data(login: &Login, face: &ProviderProfile, token: &str) -> u16 {
    let call = reqwest::Client::builder().no_proxy().build().unwrap().get(login.sandbox.endpoint(face, Endpoint::Data));
    let call = call.bearer_auth(token).header(SUBSCRIPTION_KEY_HEADER, SUBSCRIPTION_KEY);
    call.send().await.unwrap().status().as_u16()
}

async fn refresh(login: &Login, face: &ProviderProfile, tokens: &Tokens) -> Result<Refreshed, RefreshError> {
    login.providers.refresh(&provider(face), None, tokens).await
}

#[tokio::test]
async fn a_connection_can_be_used_and_refreshed_again_and_again_at_every_face() {
    let login = Login::start().await;
    for face in provider_profiles() {
        let mut tokens = login.grant(face).await.tokens;
        for refreshes in 0..3 {
            assert_eq!(login.sandbox.grants(face)[0].refreshes, refreshes, "{}", face.slug);
            assert_eq!(data(&login, face, tokens.access_token.expose_secret()).await, 200, "{}", face.slug);
            let refreshed = refresh(&login, face, &tokens).await.unwrap();
            assert_ne!(refreshed.tokens.access_token.expose_secret(), tokens.access_token.expose_secret());
            tokens = refreshed.tokens;
        }
    }
}

#[tokio::test]
async fn a_recipe_defines_how_the_sandbox_rotates_refresh_tokens() {
    let login = Login::start().await;
    let seconds = |grace: Duration| Some(SignedDuration::try_from(grace).unwrap());
    let single_use = |grace, reuse_ends_grant| Policy::SingleUse { grace, reuse_ends_grant };
    for face in provider_profiles() {
        let expected = match face.rotation {
            Rotation::Kept { .. } => Policy::Reusable,
            // What lives until another is used may be had again, and no recipe relies on it.
            Rotation::SingleUse(ReusePolicy::Refused | ReusePolicy::UntilUsed { .. }) => single_use(None, false),
            Rotation::SingleUse(ReusePolicy::RevokesGrant) => single_use(None, true),
            Rotation::SingleUse(ReusePolicy::SameResponse(grace) | ReusePolicy::AnotherPair(grace)) => {
                single_use(seconds(grace), false)
            }
        };
        let policy = login.providers.refresh_policy(&provider(face)).unwrap();
        assert_eq!(policy.rotation, expected, "{}", face.slug);
    }
}

#[tokio::test]
async fn an_unanswered_refresh_is_repeated_if_the_recipe_permits_it() {
    let login = Login::start().await;
    for face in provider_profiles() {
        let tokens = login.grant(face).await.tokens;
        login.sandbox.set_next_faults(face, [Some(Fault::LostResponse)]);
        let lost = refresh(&login, face, &tokens).await;
        assert!(matches!(lost, Err(RefreshError::AnswerLost(_))), "{}: {lost:?}", face.slug);
        assert_eq!(login.sandbox.grants(face)[0].refreshes, 1, "{}", face.slug);

        let again = refresh(&login, face, &tokens).await;
        let policy = login.providers.refresh_policy(&provider(face)).unwrap().rotation;
        let lives_until_used = matches!(face.rotation, Rotation::SingleUse(ReusePolicy::UntilUsed { .. }));
        match policy {
            _ if lives_until_used => assert!(again.is_ok(), "{}: {again:?}", face.slug),
            Policy::Reusable | Policy::SingleUse { grace: Some(_), .. } => {
                let token = again.unwrap().tokens.access_token;
                assert_eq!(data(&login, face, token.expose_secret()).await, 200, "{}", face.slug);
            }
            Policy::SingleUse { grace: None, reuse_ends_grant } => {
                assert!(matches!(again, Err(RefreshError::GrantRefused { .. })), "{}: {again:?}", face.slug);
                assert_eq!(login.sandbox.grants(face)[0].revoked, reuse_ends_grant, "{}", face.slug);
            }
        }
    }
}

#[tokio::test]
async fn the_failures_of_the_sandbox_are_distinguished() {
    let login = Login::start().await;
    for face in provider_profiles() {
        let tokens = login.grant(face).await.tokens;
        let meets = async |fault| {
            login.sandbox.set_next_faults(face, [Some(fault)]);
            refresh(&login, face, &tokens).await.unwrap_err()
        };
        let throttled = meets(Fault::TooManyRequests { retry_after_seconds: 7 }).await;
        assert!(
            matches!(throttled, RefreshError::Throttled { retry_after: Some(pause) } if pause.as_secs() == 7),
            "{}: {throttled:?}",
            face.slug
        );
        let refused = meets(Fault::InvalidClient).await;
        assert!(matches!(refused, RefreshError::AppRefused { .. }), "{}: {refused:?}", face.slug);
        for fault in [Fault::LostRequest, Fault::ServerError] {
            let lost = meets(fault).await;
            assert!(matches!(lost, RefreshError::AnswerLost(_)), "{}: {lost:?}", face.slug);
        }
        let babble = meets(Fault::Html).await;
        assert!(matches!(babble, RefreshError::Unreadable), "{}: {babble:?}", face.slug);

        login.sandbox.revoke_account(face, "demo");
        let gone = refresh(&login, face, &tokens).await.unwrap_err();
        assert!(matches!(gone, RefreshError::GrantRefused { .. }), "{}: {gone:?}", face.slug);
    }
}

#[tokio::test]
async fn of_refreshes_at_once_as_many_win_as_the_face_lets() {
    let login = Arc::new(Login::start().await);
    for (face, winners) in [(&ProviderProfile::STRAVA, 1), (&ProviderProfile::FITBIT, 8), (&ProviderProfile::GOOGLE, 8)]
    {
        let tokens = login.grant(face).await.tokens;
        let refreshes = (0..8).map(|_| {
            let (login, tokens) = (Arc::clone(&login), tokens.clone());
            tokio::spawn(async move { refresh(&login, face, &tokens).await.is_ok() })
        });
        let mut won = 0;
        for refresh in refreshes.collect::<Vec<_>>() {
            won += usize::from(refresh.await.unwrap());
        }
        assert_eq!(won, winners, "{}", face.slug);
    }
}
