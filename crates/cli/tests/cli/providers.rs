//! `terra-auth providers`: lists, shows, checks and adds recipes.

use axum::{
    Json, Router,
    http::{StatusCode, Uri},
};
use insta::assert_snapshot;
use serde_json::{Value, json};
use terra_auth_cli_testkit::Folder;

use crate::support::serve;

const ACME: &str = r#"# ours
[[provider]]
provider = "ACME"
name = "Acme Health"
types = ["sleep"]
sources = ["https://acme.example/docs"]

[provider.login]
authorize_url = "https://acme.example/authorize"
token_url = "https://acme.example/token"
client_auth = "basic"
identity = { field = "user_id" }

# a bridge
[[provider]]
provider = "BRIDGE"
name = "Bridge"
types = []
"#;

#[test]
fn the_list_shows_how_each_provider_connects_and_which_have_shut_down() {
    let folder = Folder::new();
    folder.write("apps.toml", "[OURA]\nclient_id = \"demo\"\nclient_secret = \"test-key-not-a-secret\"\n");
    let list = folder.run("providers list --provider-apps apps.toml --output json");
    let list: Value = serde_json::from_str(&list.stdout).unwrap();
    let found = |name: &str| list.as_array().unwrap().iter().find(|row| row["provider"] == name).unwrap();
    assert_snapshot!(found("OURA"), @r#"{"connects":"by login","has_app":true,"has_shut_down":false,"name":"Oura","provider":"OURA","recipe":"built-in oura.toml","shutdown":null}"#);
    assert_eq!((&found("APPLE")["connects"], &found("APPLE")["has_app"]), (&"on device".into(), &Value::Null));
    assert_eq!((&found("FITBIT")["has_app"], &found("FITBIT")["shutdown"]), (&false.into(), &"2026-10-01".into()));

    let plain = folder.run("providers list").stdout;
    assert!(plain.lines().any(|line| line.starts_with("OURA ") && line.contains("by login   –")), "{plain}");
    assert!(plain.lines().any(|line| line.starts_with("FITBIT ") && line.contains("2026-10-01")), "{plain}");
}

#[test]
fn a_recipe_is_shown_as_written_and_the_output_is_a_valid_recipe() {
    let folder = Folder::new();
    let shown = folder.run("providers show withings");
    assert_eq!((shown.code, &*shown.stderr), (0, "from built-in withings.toml\n"));
    assert!(shown.stdout.starts_with("[[provider]]\nprovider = \"WITHINGS\""), "{shown}");
    for said in ["sources = [", "unverified = [", "action = \"requesttoken\""] {
        assert!(shown.stdout.contains(said), "{said}");
    }
    folder.write("own.toml", &shown.stdout);
    assert_snapshot!(folder.run("providers lint own.toml"), @"
    exit 0
    valid: WITHINGS
    ");
    assert_snapshot!(folder.run("providers show NOSUCH"), @"
    exit 4
    --- stderr
    error: there is no recipe for NOSUCH
    next: list the recipes with `terra-auth providers list`
    ");
}

#[test]
fn a_bad_recipe_is_rejected_with_the_line_and_the_reason() {
    let folder = Folder::new();
    folder.write("own.toml", &ACME.replace("\"basic\"", "\"digest\""));
    let commands = ["providers lint own.toml", "providers add own.toml", "providers list --providers own.toml"];
    let answers: Vec<_> = commands.iter().map(|arguments| folder.run(arguments).to_string()).collect();
    assert_snapshot!(answers[0], @"
    exit 2
    --- stderr
    error: own.toml:11:15: unknown variant `digest`, expected `basic` or `body`
    next: fix the recipe; `terra-auth providers show OURA` shows a valid one
    ");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(!folder.has(".terra-auth"), "nothing was added");
}

#[test]
fn an_added_recipe_can_be_replaced_and_a_file_argument_overrides_it() {
    let folder = Folder::new();
    folder.write("own.toml", ACME);
    assert_snapshot!(folder.run("providers add own.toml"), @"
    exit 0
    .terra-auth/providers.d/acme.toml
    .terra-auth/providers.d/bridge.toml
    --- stderr
    a running server reads the recipes at SIGHUP; otherwise, its next start does
    ");
    let shown = folder.run("providers show acme").stdout;
    assert!(shown.starts_with("[[provider]]\nprovider = \"ACME\"") && !shown.contains("a bridge"), "{shown}");

    folder.write("newer.toml", &ACME.replace("Acme Health", "Acme Vitals"));
    assert_eq!(folder.run("providers add newer.toml").code, 0);
    assert!(folder.run("providers show ACME").stdout.contains("Acme Vitals"));
    assert!(folder.run("providers show ACME --providers own.toml").stdout.contains("Acme Health"));
}

#[test]
fn an_app_may_have_headers_and_an_error_in_them_shows_no_secret() {
    let folder = Folder::new();
    let app = "[SUUNTO]\nclient_id = \"demo\"\nclient_secret = \"test-key-not-a-secret\"\nheaders = { ";
    let list = "providers list --provider-apps apps.toml --output json";
    folder.write("apps.toml", &format!("{app}Ocp-Apim-Subscription-Key = \"key-not-a-secret\" }}\n"));
    assert_eq!(folder.run(list).code, 0);
    for (header, reason) in [
        ("Authorization = \"key-not-a-secret\"", "Authorization is set by every call"),
        ("X-Key = \"key-not-a-secret\\n\"", "the value of the header X-Key is not printable"),
        ("X-Key = 7", "may have headers"),
    ] {
        folder.write("apps.toml", &format!("{app}{header} }}\n"));
        let refused = folder.run(list).to_string();
        assert!(refused.contains(reason) && !refused.contains("not-a-secret"), "{refused}");
    }
}

/// A provider that knows only the app `known`.
fn token_endpoint() -> String {
    let answer = |body: String| async move {
        let code = if body.contains("client_id=known") { "invalid_grant" } else { "invalid_client" };
        (StatusCode::BAD_REQUEST, Json(json!({ "error": code })))
    };
    serve(Router::new().fallback(answer))
}

#[test]
fn the_check_asks_the_provider_whether_it_knows_the_app() {
    let folder = Folder::new();
    let url = token_endpoint();
    let acme = ACME.replace("\"basic\"", "\"body\"").replace("https://acme.example/token", &url);
    folder.write("own.toml", &format!("{acme}\n{}", acme.replace("ACME", "OTHER").replace("BRIDGE", "BRIDGE2")));
    let app =
        |name: &str, id: &str| format!("[{name}]\nclient_id = \"{id}\"\nclient_secret = \"test-key-not-a-secret\"\n");
    folder.write("apps.toml", &(app("ACME", "known") + &app("OTHER", "unknown")));
    let check = "providers check --providers own.toml --provider-apps apps.toml --public-url https://auth.acme.example";
    assert_snapshot!(folder.run(&format!("{check} --allow-private-addresses acme")), @"
    exit 0
    PROVIDER  APP    REASON
    ACME      known  the provider knows the app
    ");
    assert_snapshot!(folder.run(&format!("{check} --allow-private-addresses")), @"
    exit 3
    PROVIDER  APP      REASON
    ACME      known    the provider knows the app
    OTHER     refused  the provider refuses the app: invalid_client
    --- stderr
    error: rejected: OTHER
    next: compare client id, secret and profile with the provider's developer page
    ");
    assert_eq!(folder.run(check).code, 5, "a private address is not called");
    assert_eq!(folder.run(&format!("{check} NOSUCH")).code, 4);
}

/// A provider that knows apps only at `/ext`.
fn second_portal() -> String {
    let answer = |uri: Uri| async move {
        let code = if uri.path().ends_with("/ext") { "invalid_grant" } else { "invalid_request" };
        (StatusCode::BAD_REQUEST, Json(json!({ "error": code })))
    };
    serve(Router::new().fallback(answer))
}

#[test]
fn an_app_in_the_file_names_its_profile_and_the_check_shows_the_right_one() {
    let folder = Folder::new();
    let url = second_portal();
    let acme = ACME.replace("https://acme.example/token", &url);
    let profile =
        format!("\n[provider.login.profiles.portal]\nabout = \"apps of the portal\"\ntoken_url = \"{url}/ext\"\n");
    folder.write("own.toml", &(acme.split("\n# a bridge").next().unwrap().to_owned() + &profile));
    let check = |profile: &str| {
        let app = format!("[ACME]\nclient_id = \"a\"\nclient_secret = \"test-key-not-a-secret\"\n{profile}");
        folder.write("apps.toml", &app);
        let check = "providers check --providers own.toml --provider-apps apps.toml --allow-private-addresses";
        folder.run(&format!("{check} --public-url https://auth.acme.example"))
    };
    assert_eq!(check("profile = \"portal\"").code, 0);
    for (profile, why) in [
        (
            "",
            "the provider accepts the app only with the profile `portal` of the recipe; set the app again with this profile",
        ),
        ("profile = \"nosuch\"", "the provider accepts the app only"),
    ] {
        let refused = check(profile);
        assert!(refused.code == 3 && refused.stdout.contains(why), "{refused}");
    }
    let shown: serde_json::Value =
        serde_json::from_str(&folder.run("providers show ACME --providers own.toml --output json").stdout).unwrap();
    assert_eq!(shown["profiles"], json!({ "portal": "apps of the portal" }));
}
