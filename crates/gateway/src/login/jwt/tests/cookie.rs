use std::sync::Arc;

use terra_auth_testkit::FixedClock;

use super::{claims, settings, with};
use crate::{
    login::{
        Jwt,
        testing::{Answer, Issuer, Signer, caller, http, told},
    },
    settings::JwtSettings,
};

#[tokio::test]
async fn a_token_in_the_configured_cookie_is_accepted_as_sent_by_the_browser() {
    let signer = Signer::ed25519("1");
    let issuer = Issuer::start(Answer::keys(&[&signer])).await;
    let settings = JwtSettings { jwks_url: Some(issuer.url), cookie: Some("__session".to_owned()), ..settings() };
    let jwt = Jwt::new(&settings, None, &http(), Arc::new(FixedClock::default())).unwrap();
    let token = signer.token(&claims());

    let cookie = format!("other=1; __session={token}");
    let identity = caller(&jwt, &[("cookie", &cookie)]).await.unwrap().unwrap();
    assert_eq!((identity.reference_id.as_str(), identity.sent_by_browser), ("alice", true));

    let bearer = format!("Bearer {}", signer.token(&with("sub", "bob")));
    let both = caller(&jwt, &[("cookie", &cookie), ("authorization", &bearer)]).await.unwrap().unwrap();
    assert_eq!((both.reference_id.as_str(), both.sent_by_browser), ("bob", false));

    assert_eq!(caller(&jwt, &[("cookie", &format!("session={token}"))]).await.unwrap(), None);
    let forged = format!("__session={}", Signer::ed25519("1").token(&claims()));
    assert_eq!(told(&caller(&jwt, &[("cookie", &forged)]).await), "not logged in: the token's signature is wrong");
}
