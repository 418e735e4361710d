//! Each built-in recipe, word for word but for its addresses, at the face that plays its provider.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use Lack::{Account, Refresh, Refusals, Revoke};
use secrecy::ExposeSecret as _;
use terra_auth_model::provider::{ClientCredentials, CodeExchange, Connects, Providers as _, Revoked, Tokens};
use terra_auth_providers::{Recipe, Recipes};
use terra_auth_sandbox::{
    Endpoint, Fault, LifetimeFault, Portal, ProviderProfile, Revocation, Sandbox, provider_profiles,
};
use terra_auth_testkit::sandbox_login::{Login, START, all_scopes, code_exchange, param, provider};
use toml::{Table, Value};

use crate::refresh::class;

/// What a recipe leaves out, as nobody knows it or it does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// Whose account it is: the app's name for the end user stands for it.
    Account,
    /// How tokens are refreshed.
    Refresh,
    /// What a refusal is about: each is worth another try.
    Refusals,
    /// How the provider is told at the end.
    Revoke,
}

const LIVES: [(&ProviderProfile, &[Lack]); 13] = [
    (&ProviderProfile::COROS, &[Refusals]),
    (&ProviderProfile::DEXCOM, &[Account, Revoke]),
    (&ProviderProfile::FITBIT, &[]),
    (&ProviderProfile::GARMIN, &[]),
    (&ProviderProfile::GOOGLE, &[]),
    (&ProviderProfile::OURA, &[]),
    (&ProviderProfile::POLAR, &[Refresh]),
    (&ProviderProfile::STRAVA, &[]),
    (&ProviderProfile::SUUNTO, &[]),
    (&ProviderProfile::ULTRAHUMAN, &[Account]),
    (&ProviderProfile::WAHOO, &[]),
    (&ProviderProfile::WHOOP, &[]),
    (&ProviderProfile::WITHINGS, &[Refusals, Revoke]),
];

#[tokio::test]
async fn each_built_in_recipe_completes_the_life_cycle_at_the_sandbox() {
    let login = Login::start_with(at_the_sandbox).await;
    assert_eq!(
        LIVES.map(|(face, _)| face.slug).as_slice(),
        provider_profiles().iter().map(|face| face.slug).collect::<Vec<_>>()
    );
    for (face, lacks) in LIVES {
        let knows = |lack| !lacks.contains(&lack);
        let (account, tokens) = connect(&login, face).await;
        let named = if knows(Account) { face.account_id("demo") } else { "reference:user_1".to_owned() };
        assert_eq!(account, named, "{}", face.slug);

        let tokens = if knows(Refresh) { refresh_twice(&login, face, tokens).await } else { tokens };
        login.sandbox.set_next_faults(face, [Some(Fault::InvalidClient)]);
        refresh_fails(&login, face, &tokens, means(lacks, "app")).await;
        login.sandbox.set_next_faults(face, []);

        let revoked = login.providers.revoke(&provider(face), None, Some(&account), &tokens).await;
        assert_eq!(matches!(revoked, Ok(Revoked::Confirmed(_))), knows(Revoke), "{}: {revoked:?}", face.slug);
        assert_eq!(login.sandbox.grants(face)[0].revoked, knows(Revoke), "{}", face.slug);
        login.sandbox.revoke_account(face, "demo");
        refresh_fails(&login, face, &tokens, means(lacks, "grant")).await;
    }
}

#[tokio::test]
async fn an_idle_wahoo_connection_is_refreshed_for_ever_with_the_call_after_it_and_ten_times_without() {
    let (login, face) = (Login::start_with(at_the_sandbox).await, &ProviderProfile::WAHOO);
    let wahoo = provider(face);
    assert!(login.providers.refresh_policy(&wahoo).unwrap().confirm);
    let (_, mut tokens) = connect(&login, face).await;
    for _ in 0..25 {
        tokens = login.providers.refresh(&wahoo, None, &tokens).await.unwrap().tokens;
        login.providers.confirm(&wahoo, None, &tokens).await.unwrap();
    }
    for _ in 0..9 {
        tokens = login.providers.refresh(&wahoo, None, &tokens).await.unwrap().tokens;
    }
    refresh_fails(&login, face, &tokens, "unreadable").await; // no verdict on the grant
    login.providers.confirm(&wahoo, None, &tokens).await.unwrap();
    assert!(login.providers.refresh(&wahoo, None, &tokens).await.is_ok());
    login.sandbox.revoke_account(face, "demo");
    assert!(login.providers.confirm(&wahoo, None, &tokens).await.is_err());
}

#[tokio::test]
async fn an_oura_app_of_the_new_portal_completes_the_life_cycle() {
    let (login, face) = (Login::start_with(at_the_sandbox).await, &ProviderProfile::OURA);
    let (account, tokens) = connect(&login, face).await;
    login.sandbox.set_portal(face, Portal::Second);
    refresh_fails(&login, face, &tokens, "lost").await;
    assert_eq!(login.sandbox.grants(face)[0].refreshes, 0, "nothing was spent");

    let profile = Some("developer_portal".to_owned());
    let app = ClientCredentials { profile, ..ClientCredentials::new("demo:app", "test key+not a secret") };
    let code = login.code(face).await;
    login.providers.exchange(&provider(face), Some(&app), &code_exchange(&code)).await.unwrap();
    let refreshed = login.providers.refresh(&provider(face), Some(&app), &tokens).await.unwrap().tokens;
    login.providers.revoke(&provider(face), Some(&app), Some(&account), &refreshed).await.unwrap();
}

#[tokio::test]
async fn unusual_responses_end_no_connection() {
    let login = Login::start_with(at_the_sandbox).await;
    let odd = [
        Fault::ScopeList,
        Fault::ExpiresIn(LifetimeFault::Missing),
        Fault::ExpiresIn(LifetimeFault::Null),
        Fault::ExpiresIn(LifetimeFault::Zero),
        Fault::ExpiresIn(LifetimeFault::Negative),
        Fault::ExpiresIn(LifetimeFault::Text),
        Fault::ExpiresIn(LifetimeFault::Huge),
    ];
    for (face, lacks) in LIVES.iter().filter(|(_, lacks)| !lacks.contains(&Refresh)) {
        login.sandbox.set_fault(face, Some(odd[0]));
        let (_, mut tokens) = connect(&login, face).await;
        for fault in odd {
            login.sandbox.set_next_faults(face, [Some(fault)]);
            let refreshed = login.providers.refresh(&provider(face), None, &tokens).await;
            tokens = refreshed.unwrap_or_else(|error| panic!("{}: {fault:?}: {error:?}", face.slug)).tokens;
            let life = tokens.expires_at.unwrap().as_second() - START;
            assert!((3600..=90 * 86_400).contains(&life), "{}: {fault:?}: {life}", face.slug);
        }
        login.sandbox.set_next_faults(face, [Some(Fault::NoErrorCode)]);
        refresh_fails(&login, face, &tokens, "unreadable").await;
        assert!(login.providers.refresh(&provider(face), None, &tokens).await.is_ok(), "{} {}", face.slug, lacks.len());
    }
}

/// What a refusal means to a recipe.
fn means(lacks: &[Lack], class: &'static str) -> &'static str {
    match (lacks.contains(&Refresh), lacks.contains(&Refusals)) {
        (true, _) => "unknown",
        (false, true) => "lost",
        (false, false) => class,
    }
}

async fn refresh_fails(login: &Login, face: &ProviderProfile, tokens: &Tokens, expected: &str) {
    let error = login.providers.refresh(&provider(face), None, tokens).await.unwrap_err();
    assert_eq!(class(&error), expected, "{}: {error:?}", face.slug);
}

async fn connect(login: &Login, face: &ProviderProfile) -> (String, Tokens) {
    let redirect = login.log_in(face, &all_scopes(face)).await;
    let exchange = CodeExchange {
        scope: param(&redirect, "scope"),
        reference_id: Some("user_1".parse().unwrap()),
        ..code_exchange(&param(&redirect, "code").unwrap())
    };
    let grant = login.providers.exchange(&provider(face), None, &exchange).await;
    let grant = grant.unwrap_or_else(|error| panic!("{}: {error:?}", face.slug));
    assert_eq!(grant.missing_scopes, Vec::<String>::new(), "{}", face.slug);
    (grant.account, grant.tokens)
}

async fn refresh_twice(login: &Login, face: &ProviderProfile, mut tokens: Tokens) -> Tokens {
    for refreshes in 1..=2 {
        let refreshed = login.providers.refresh(&provider(face), None, &tokens).await;
        let new = refreshed.unwrap_or_else(|error| panic!("{}: {error:?}", face.slug)).tokens;
        assert_ne!(new.access_token.expose_secret(), tokens.access_token.expose_secret(), "{}", face.slug);
        assert_eq!(login.sandbox.grants(face)[0].refreshes, refreshes, "{}", face.slug);
        tokens = new;
    }
    tokens
}

/// The built-in recipes with the addresses of the sandbox, and nothing else changed.
fn at_the_sandbox(sandbox: &Sandbox) -> Recipes {
    let builtin = Recipes::builtin().unwrap();
    let by_login = builtin.iter().filter(|recipe| recipe.info().connects == Connects::ByLogin);
    let text: Vec<_> = by_login.map(|recipe| moved(recipe, sandbox)).collect();
    Recipes::from_toml(&text.join("\n"), "moved.toml").unwrap()
}

fn moved(recipe: &Recipe, sandbox: &Sandbox) -> String {
    let face = ProviderProfile::from_slug(&recipe.info().provider.slug()).unwrap();
    let mut file: Table = recipe.text().parse().unwrap();
    let provider = file["provider"][0].as_table_mut().unwrap();
    provider.remove("shutdown"); // what has ended can still be played
    for (path, endpoint) in [
        (&["authorize_url"][..], Endpoint::Authorize),
        (&["token_url"], Endpoint::Token),
        (&["refresh", "url"], Endpoint::Refresh),
        (&["identity", "url"], Endpoint::Userinfo),
        (&["refresh", "confirm_url"], Endpoint::Userinfo),
        (&["after_consent", "url"], Endpoint::Users),
        (&["revoke", "url"], revoke_endpoint(face)),
        (&["profiles", "developer_portal", "token_url"], Endpoint::SecondToken),
    ] {
        let field = path.iter().try_fold(&mut provider["login"], |value, name| value.get_mut(name));
        if let Some(Value::String(url)) = field {
            *url = format!("{}{}", sandbox.endpoint(face, endpoint), place_in(url));
        }
    }
    toml::to_string(&file).unwrap()
}

fn revoke_endpoint(face: &ProviderProfile) -> Endpoint {
    if face.revocation == Revocation::DeleteUser { Endpoint::Users } else { Endpoint::Revoke }
}

/// What follows the address where an account or an app is named in it.
fn place_in(url: &str) -> &str {
    ["/{account}", "?client_id="].iter().find_map(|place| Some(&url[url.find(place)?..])).unwrap_or_default()
}
