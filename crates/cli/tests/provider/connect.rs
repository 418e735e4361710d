//! Connecting, declining and deauthenticating.

use crate::support::{SINGLE_USE_REFRESH, Site, disk::assert_sealed_in_folder, eventually};

#[tokio::test]
async fn a_user_connects_in_a_browser_and_deauthentication_revokes_the_tokens() {
    let (site, _node) = Site::new(SINGLE_USE_REFRESH, None).await;
    let pages = site.visit("alice", true).await;
    let headings: Vec<_> = pages.iter().map(|page| page.heading.as_str()).collect();
    assert_eq!(headings, ["Sign-in", "Authorize", "The app"]);
    let end = pages.last().unwrap();
    assert_eq!((end.url.path(), end.parameter("resource").as_deref()), ("/connected", Some("ACME")));

    let user = end.parameter("user_id").unwrap().parse().unwrap();
    let found = site.client.user_info(user).await.unwrap().user.user;
    assert_eq!((found.active, found.scopes.as_deref()), (Some(true), Some("openid,offline_access,activity,sleep")));
    let [login] = &site.provider.exchanges().await[..] else { panic!("expected one exchange of a code") };
    let tokens = login.tokens();
    assert_eq!(site.provider.active(&tokens).await, [true, true]);
    assert_sealed_in_folder(&site.folder.path(".terra-auth"), &tokens);

    site.client.deauthenticate_user(user).await.unwrap();
    eventually("the provider has revoked the tokens", async || {
        (site.provider.active(&tokens).await == [false, false]).then_some(())
    })
    .await;
    site.app.wait_for(2);
    assert_eq!((site.events("auth").len(), site.events("deauth").len()), (1, 1));
}

#[tokio::test]
async fn the_app_is_notified_that_a_user_declined() {
    let (site, _node) = Site::new(SINGLE_USE_REFRESH, None).await;
    let pages = site.visit("bob", false).await;
    let end = pages.last().unwrap();
    let parameters = ["reason", "resource", "reference_id"].map(|name| end.parameter(name).unwrap());
    assert_eq!((end.url.path(), parameters), ("/failed", ["access_denied", "ACME", "bob"].map(str::to_owned)));

    site.app.wait_for(1);
    let [cancelled] = &site.events("auth_cancelled")[..] else { panic!("expected one event") };
    assert_eq!(cancelled["reason"], "access_denied");
    assert!(site.provider.exchanges().await.is_empty());
    assert!(site.client.users_by_reference_id(&"bob".parse().unwrap()).await.unwrap().is_empty());
}
