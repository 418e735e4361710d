//! Connect, say no, deauthenticate.

use crate::support::{ROTATES, Site, disk::assert_sealed_in_folder, eventually};

#[tokio::test]
async fn a_user_connects_in_a_browser_and_after_the_deauthentication_its_tokens_are_dead() {
    let (site, _node) = Site::new(ROTATES, None).await;
    let pages = site.visit("alice", true).await;
    let headings: Vec<_> = pages.iter().map(|page| page.heading.as_str()).collect();
    assert_eq!(headings, ["Sign-in", "Authorize", "The app"]);
    let end = pages.last().unwrap();
    assert_eq!((end.url.path(), end.parameter("resource").as_deref()), ("/connected", Some("ACME")));

    let user = end.parameter("user_id").unwrap().parse().unwrap();
    let kept = site.client.user_info(user).await.unwrap().user.user;
    assert_eq!((kept.active, kept.scopes.as_deref()), (Some(true), Some("openid,offline_access,activity,sleep")));
    let [login] = &site.provider.exchanges().await[..] else { panic!("one code is exchanged, once") };
    let tokens = login.tokens();
    assert_eq!(site.provider.active(&tokens).await, [true, true]);
    assert_sealed_in_folder(&site.folder.path(".terra-auth"), &tokens);

    site.client.deauthenticate_user(user).await.unwrap();
    eventually("the tokens are dead at the provider", async || {
        (site.provider.active(&tokens).await == [false, false]).then_some(())
    })
    .await;
    site.app.wait_for(2);
    assert_eq!((site.events("auth").len(), site.events("deauth").len()), (1, 1));
}

#[tokio::test]
async fn a_user_who_says_no_is_told_to_the_app_as_such() {
    let (site, _node) = Site::new(ROTATES, None).await;
    let pages = site.visit("bob", false).await;
    let end = pages.last().unwrap();
    let told = ["reason", "resource", "reference_id"].map(|name| end.parameter(name).unwrap());
    assert_eq!((end.url.path(), told), ("/failed", ["access_denied", "ACME", "bob"].map(str::to_owned)));

    site.app.wait_for(1);
    let [cancelled] = &site.events("auth_cancelled")[..] else { panic!("the app hears of it, once") };
    assert_eq!(cancelled["reason"], "access_denied");
    assert!(site.provider.exchanges().await.is_empty());
    assert!(site.client.users_by_reference_id(&"bob".parse().unwrap()).await.unwrap().is_empty());
}
