use serde_json::json;

use crate::support::{dev, said};

#[test]
fn an_environment_is_made_changed_and_deleted() {
    let (folder, server) = dev();
    let made = folder.json(&format!("environments create --env staging --name Acme --server {}", server.origin()));
    let dev_id = made["dev_id"].as_str().unwrap();
    assert!(made["api_key"].as_str().unwrap().starts_with("ta_staging_"), "{made}");
    let keys = format!(
        "TERRA_DEV_ID={dev_id}\nTERRA_API_KEY={}\nTERRA_API_URL={}/v2\n",
        made["api_key"].as_str().unwrap(),
        server.origin()
    );
    folder.write(".env.terra.staging", &keys);
    said(&folder, "generate-mobile-token --env staging");

    assert!(said(&folder, &format!("environments rename {dev_id} --name Other")).contains("  Other "));
    assert!(said(&folder, &format!("environments disable {dev_id}")).contains("  no "));
    let refused = folder.run("generate-mobile-token --env staging");
    assert!(refused.code == 3 && refused.stderr.contains("disabled"), "{refused}");
    assert_eq!(folder.json(&format!("environments enable {dev_id}"))["active"], true);
    said(&folder, "generate-mobile-token --env staging");

    assert_eq!(folder.run(&format!("environments delete {dev_id}")).code, 7);
    let deleted = folder.run(&format!("environments delete {dev_id} --yes"));
    assert_eq!((deleted.code, &*deleted.stdout), (0, &*format!("Deleted {dev_id}\n")), "{deleted}");
    assert!(deleted.stderr.contains("with 0 users, who must connect again, 1 API key and"), "{deleted}");
    assert_eq!(folder.run("generate-mobile-token --env staging").code, 3);
    assert_eq!(folder.run(&format!("environments delete {dev_id} --yes")).code, 4);
}

#[test]
fn the_credentials_of_a_new_environment_are_a_credential_file() {
    let (folder, server) = dev();
    let answer = folder.run(&format!("environments create --name Acme --server {}", server.origin()));
    assert_eq!(answer.code, 0, "{answer}");
    folder.write(".env.terra.testing", &answer.stdout);
    said(&folder, "generate-mobile-token");
}

#[test]
fn environments_are_listed_with_their_users() {
    let (folder, _server) = dev();
    let user = folder.connect("FITBIT", "alice");
    let rows = said(&folder, "environments list");
    let row = rows.lines().nth(1).unwrap();
    assert!(row.starts_with(&folder.key("TERRA_DEV_ID")) && row.contains("  yes     1 of 50  "), "{rows}");
    let dev_id = folder.key("TERRA_DEV_ID");
    let lost = folder.json(&format!("environments delete {dev_id} --yes"));
    assert_eq!((&lost["lost"]["users"], &lost["lost"]["api_keys"]), (&json!(1), &json!(1)), "{user}");
    assert_eq!(folder.json("environments list"), json!([]));
}

#[test]
fn settings_are_set_one_by_one_and_shown_before_and_after() {
    let (folder, _server) = dev();
    let dev_id = folder.key("TERRA_DEV_ID");
    let settings = || folder.json("environments list")[0].clone();
    let set = "environments set --destination https://app.example/hooks --redirect https://app.example/ \
               --user-limit none --accent #00aa77 --providers FITBIT,OURA --keep-user-id true";
    let rehearsed = said(&folder, &format!("{set} --dry-run"));
    assert!(
        rehearsed.contains("Nothing was changed") && rehearsed.contains("https://app.example/hooks"),
        "{rehearsed}"
    );
    assert!(settings()["destination"].is_null());

    let shown = said(&folder, set);
    for line in ["destination", "redirect_allow_list", "user_limit", "accent", "providers", "keep_user_id"] {
        assert!(shown.lines().any(|row| row.starts_with(line)), "{line}: {shown}");
    }
    let now = settings();
    assert_eq!(now["destination"], "https://app.example/hooks");
    assert_eq!((&now["user_limit"], &now["accent"]), (&json!(null), &json!("#00aa77")));
    assert_eq!((&now["providers"], &now["keep_user_id"]), (&json!(["FITBIT", "OURA"]), &json!(true)));

    said(
        &folder,
        &format!("environments set {dev_id} --destination none --redirect any --providers all --accent none"),
    );
    let now = settings();
    assert_eq!((&now["destination"], &now["accent"], &now["providers"]), (&json!(null), &json!(null), &json!(null)));
    assert_eq!(now["redirect_allow_list"], json!([]));
    assert_eq!(folder.json("environments set --providers all")["applied"], false);
}

#[test]
fn a_setting_that_cannot_be_is_named_with_what_it_may_be() {
    let (folder, _server) = dev();
    for (flag, reason) in [
        ("--accent red", "accent must be #rrggbb"),
        ("--user-limit many", "user_limit must be a number"),
        ("--destination hooks", "destination must be an address"),
        ("", "no setting is named"),
    ] {
        let refused = folder.run(&format!("environments set {flag}"));
        assert!(refused.code == 2 && refused.stderr.contains(reason), "{flag}: {refused}");
    }
}
