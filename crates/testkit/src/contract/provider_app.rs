use terra_auth_model::{
    provider_app::{AppSecret, PreviousSecret, ProviderApp},
    store::Store,
};

use super::at_once;
use crate::{Fixtures, StoreExt as _};

fn with_all(rows: &Fixtures) -> ProviderApp {
    let secret = AppSecret { headers: vec!["X-Key".to_owned(), "größe".to_owned()], ..rows.app_secret() };
    let old = AppSecret { headers: vec!["X-Old".to_owned()], hint: String::new(), ..rows.app_secret() };
    ProviderApp {
        secret,
        previous: Some(PreviousSecret { secret: old, until: Fixtures::at(5) }),
        changed_at: Fixtures::at(2),
        last_used_at: Some(Fixtures::at(3)),
        profile: Some("developer_portal".to_owned()),
        ..rows.provider_app("acme", "OURA")
    }
}

/// Covers apps with all optional fields, and with none.
pub async fn an_app_is_read_as_it_was_put(store: Store) {
    let rows = Fixtures::default();
    for app in [with_all(&rows), rows.provider_app("acme", "FITBIT")] {
        store.put_provider_app(&app).await.unwrap();
        assert_eq!(store.provider_app(&app.dev_id, &app.provider).await.unwrap(), Some(app));
    }
    assert_eq!(store.provider_app(&Fixtures::dev_id("acme"), &"POLAR".parse().unwrap()).await.unwrap(), None);
}

/// No field of the old app remains.
pub async fn an_app_takes_the_place_of_the_one_before(store: Store) {
    let rows = Fixtures::default();
    let new = ProviderApp { client_id: "other".to_owned(), ..rows.provider_app("acme", "OURA") };
    store.put_provider_app(&with_all(&rows)).await.unwrap();
    store.put_provider_app(&new).await.unwrap();
    assert_eq!(store.provider_apps().await.unwrap(), [new]);
}

/// The app remains, because grants are revoked after the environment is deleted.
pub async fn apps_come_by_environment_and_provider_and_outlive_their_environment(store: Store) {
    let rows = Fixtures::default();
    let developer = rows.developer("acme");
    store.add_developer(&developer).await.unwrap();
    let apps = [("acme", "FITBIT"), ("acme", "OURA"), ("other", "FITBIT")]
        .map(|(dev_id, name)| rows.provider_app(dev_id, name));
    for app in apps.iter().rev() {
        store.put_provider_app(app).await.unwrap();
    }
    assert!(store.remove_developer(&developer.dev_id).await.unwrap());
    assert_eq!(store.provider_apps().await.unwrap(), apps);
}

/// Only one of several concurrent removals returns `true`.
pub async fn an_app_is_removed_once(store: Store) {
    let rows = Fixtures::default();
    let (app, other) = (rows.provider_app("acme", "OURA"), rows.provider_app("other", "OURA"));
    store.put_provider_app(&app).await.unwrap();
    store.put_provider_app(&other).await.unwrap();
    let removed = at_once(10, |_| {
        let (store, app) = (store.clone(), app.clone());
        async move { store.remove_provider_app(&app.dev_id, &app.provider).await.unwrap() }
    });
    assert_eq!(removed.await.into_iter().filter(|removed| *removed).count(), 1);
    assert_eq!(store.provider_apps().await.unwrap(), [other]);
}

/// The latest, regardless of the order of writes.
pub async fn an_app_remembers_its_last_use(store: Store) {
    let rows = Fixtures::default();
    let app = rows.provider_app("acme", "OURA");
    store.put_provider_app(&app).await.unwrap();
    for ms in [2, 1] {
        store.touch_provider_app(&app.dev_id, &app.provider, &Fixtures::at(ms)).await.unwrap();
    }
    let used = ProviderApp { last_used_at: Some(Fixtures::at(2)), ..app };
    assert_eq!(store.provider_apps().await.unwrap(), [used]);
}
