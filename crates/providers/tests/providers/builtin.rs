//! The recipes that come with the program: what each sends, recorded at a stand-in for all of their hosts.
#![expect(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::fmt::Write as _;

use axum::Router;
use terra_auth_model::provider::{AuthorizationRequest, CodeExchange, Connects, Providers as _, RevokeError};
use terra_auth_providers::Recipes;
use terra_auth_testkit::{
    http,
    sandbox_login::{CALLBACK, CHALLENGE, VERIFIER, code_exchange, providers},
};
use terra_auth_types::Provider;
use url::Url;

use crate::parrot::{Parrot, repeat, tokens};

/// Whatever a provider is asked for is somewhere in it. The access token is a JWT whose `sub` is `user-7`.
const ANSWER: &str = r#"{
    "access_token": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c2VyLTciLCJuIjpudWxsfQ.", "refresh_token": "refresh-2",
    "user_id": "user-7", "x_user_id": "user-7", "openId": "user-7", "athlete": {"id": "user-7"}, "healthUserId": "user-7",
    "userId": "user-7", "id": "user-7", "status": 0, "result": "0000", "scope": "",
    "body": {"access_token": "access-2", "refresh_token": "refresh-2", "userid": "user-7"}
}"#;

/// Everything that goes to one provider in a connection's life. Its hosts are the first segment of the stand-in's paths.
struct Life {
    parrot: Parrot,
    here: Url,
    told: String,
}

impl Life {
    async fn of(text: &str, provider: &Provider) -> String {
        let parrot = Parrot::new(200, ANSWER);
        let here = http::serve(Router::new().fallback(repeat).with_state(parrot.clone())).await;
        let text = without_end(text).replace("= \"https://", &format!("= \"{here}")); // a scope may be a URL too
        let recipes = Recipes::from_toml(&text, "stand-in.toml").unwrap();
        let providers = providers(recipes, "test-key-not-a-secret");
        let mut life = Self { parrot, here, told: String::new() };

        let request = AuthorizationRequest {
            state: "state".to_owned(),
            code_challenge: CHALLENGE.to_owned(),
            redirect_uri: CALLBACK.parse().unwrap(),
        };
        let url = providers.authorization_url(provider, None, &request).unwrap();
        life.line("login", &format!("GET {url}"));
        let scope = Some("offline,activity:read_all".to_owned());
        let reference_id = Some("user_1".parse().unwrap());
        let exchange = CodeExchange { scope, reference_id, ..code_exchange("any") };
        let grant = providers.exchange(provider, None, &exchange).await;
        life.heard("exchange");
        let policy = providers.refresh_policy(provider);
        let refreshed = providers.refresh(provider, None, &tokens()).await;
        life.heard("refresh");
        let account = grant.as_ref().ok().map(|grant| grant.account.clone());
        let revoked = providers.revoke(provider, None, account.as_deref(), &tokens()).await;
        life.heard("revoke");

        assert_eq!(matches!(revoked, Err(RevokeError::NoCall)), providers.revoke_policy(provider).is_none());
        assert!(matches!(revoked, Ok(_) | Err(RevokeError::NoCall)), "{provider}: {revoked:?}");
        assert_eq!(refreshed.is_ok(), policy.is_some(), "{provider}");
        let account = account.unwrap();
        writeln!(life.told, "account: {account}\nrefresh policy: {policy:?}").unwrap();
        life.told
    }

    fn heard(&mut self, what: &str) {
        for heard in self.parrot.all_heard() {
            let authorization = heard.authorization.map(|value| format!("\n    {value}")).unwrap_or_default();
            let body = if heard.body.is_empty() { String::new() } else { format!("\n    {}", heard.body) };
            self.line(what, &format!("{} {}{authorization}{body}", heard.method, heard.path));
        }
    }

    /// One request, with the hosts as they are and without what is the same for everybody.
    fn line(&mut self, what: &str, request: &str) {
        let request = request.replace(self.here.as_str(), "https://").replacen(" /", " https://", 1);
        let request = request
            .replace(CHALLENGE, "[challenge]")
            .replace(VERIFIER, "[verifier]")
            .replace("https%3A%2F%2Fapp.example%2Fauth%2Fcallback", "[callback]");
        writeln!(self.told, "{what}: {request}").unwrap();
    }
}

/// What has ended can still be tried here.
fn without_end(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("shutdown = ")).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn each_provider_is_called_as_its_documents_say() {
    let recipes = Recipes::builtin().unwrap();
    for recipe in recipes.iter().filter(|recipe| recipe.info().connects == Connects::ByLogin) {
        let provider = recipe.info().provider;
        insta::assert_snapshot!(provider.slug(), Life::of(recipe.text(), &provider).await);
    }
}

#[test]
fn each_recipe_says_where_its_facts_were_read() {
    let recipes = Recipes::builtin().unwrap();
    for recipe in recipes.iter() {
        let info = recipe.info();
        assert!(!recipe.sources().is_empty(), "{}", info.name);
        let is_honest = info.connects == Connects::OnDevice || !recipe.unverified().is_empty();
        assert!(is_honest, "{}: nobody knows everything", info.name);
        assert!(recipe.text().starts_with("[[provider]]") && recipe.file().starts_with("built-in "), "{}", info.name);
    }
    let names: Vec<_> = recipes.iter().map(|recipe| recipe.info().provider.to_string()).collect();
    assert_eq!(
        names.join(" "),
        "FITBIT GOOGLE GARMIN OURA WITHINGS STRAVA WHOOP POLAR SUUNTO COROS DEXCOM ULTRAHUMAN WAHOO APPLE SAMSUNG \
         HEALTH_CONNECT"
    );
}

#[test]
fn fitbit_is_closed_with_a_reason() {
    let recipes = Recipes::builtin().unwrap();
    let fitbit = recipes.iter().find(|recipe| recipe.info().provider.as_str() == "FITBIT").unwrap();
    assert!(fitbit.is_shut_down("2026-09-30T23:59:59Z".parse().unwrap()).is_none());
    let over = fitbit.is_shut_down("2026-10-01T00:00:00Z".parse().unwrap()).unwrap();
    assert!(over.why.contains("Google Health"), "{}", over.why);
}

#[test]
fn a_recipe_of_the_operator_overrides_a_built_in_one() {
    let own = "[[provider]]\nprovider = \"oura\"\nname = \"Our Oura\"\ntypes = []\n\n\
               # the next one\n[[provider]]\nprovider = \"ACME\"\nname = \"Acme\"\ntypes = []\n";
    let recipes = Recipes::builtin().unwrap().with(Recipes::from_toml(own, "own.toml").unwrap());
    let found: Vec<_> = recipes.iter().filter(|recipe| recipe.file() == "own.toml").collect();
    assert_eq!(recipes.iter().count(), Recipes::builtin().unwrap().iter().count() + 1);
    assert_eq!(recipes.iter().position(|recipe| recipe.info().name == "Our Oura"), Some(3), "in its place");
    assert_eq!(found[0].text(), "[[provider]]\nprovider = \"oura\"\nname = \"Our Oura\"\ntypes = []");
    assert_eq!(found[1].info().name, "Acme");
}
