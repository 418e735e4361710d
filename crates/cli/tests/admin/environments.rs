use serde_json::json;

use crate::support::{dev, stdout_of};

#[test]
fn an_environment_is_created_changed_and_deleted() {
    let (folder, server) = dev();
    let created = folder.json(&format!("environments create --env staging --name Acme --server {}", server.origin()));
    let dev_id = created["dev_id"].as_str().unwrap();
    assert!(created["api_key"].as_str().unwrap().starts_with("ta_staging_"), "{created}");
    let keys = format!(
        "TERRA_DEV_ID={dev_id}\nTERRA_API_KEY={}\nTERRA_API_URL={}/v2\n",
        created["api_key"].as_str().unwrap(),
        server.origin()
    );
    folder.write(".env.terra.staging", &keys);
    stdout_of(&folder, "generate-mobile-token --env staging");

    assert!(stdout_of(&folder, &format!("environments rename {dev_id} --name Other")).contains("  Other "));
    assert!(stdout_of(&folder, &format!("environments disable {dev_id}")).contains("  no "));
    let refused = folder.run("generate-mobile-token --env staging");
    assert!(refused.code == 3 && refused.stderr.contains("disabled"), "{refused}");
    assert_eq!(folder.json(&format!("environments enable {dev_id}"))["active"], true);
    stdout_of(&folder, "generate-mobile-token --env staging");

    assert_eq!(folder.run(&format!("environments delete {dev_id}")).code, 7);
    let deleted = folder.run(&format!("environments delete {dev_id} --yes"));
    assert_eq!((deleted.code, &*deleted.stdout), (0, &*format!("Deleted {dev_id}\n")), "{deleted}");
    assert!(deleted.stderr.contains("with 0 users, who must connect again, 1 API key, and"), "{deleted}");
    assert_eq!(folder.run("generate-mobile-token --env staging").code, 3);
    assert_eq!(folder.run(&format!("environments delete {dev_id} --yes")).code, 4);
}

#[test]
fn the_credentials_of_a_new_environment_are_a_credential_file() {
    let (folder, server) = dev();
    let answer = folder.run(&format!("environments create --name Acme --server {}", server.origin()));
    assert_eq!(answer.code, 0, "{answer}");
    folder.write(".env.terra.testing", &answer.stdout);
    stdout_of(&folder, "generate-mobile-token");
}

#[test]
fn environments_are_listed_with_their_users() {
    let (folder, _server) = dev();
    let user = folder.connect("FITBIT", "alice");
    let rows = stdout_of(&folder, "environments list");
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
               --user-limit none --accent '#00aa77' --providers FITBIT,OURA --keep-user-id true";
    let dry_run = stdout_of(&folder, &format!("{set} --dry-run"));
    assert!(dry_run.contains("Nothing was changed") && dry_run.contains("https://app.example/hooks"), "{dry_run}");
    assert!(settings()["destination"].is_null());

    let shown = stdout_of(&folder, set);
    for line in ["destination", "redirect_allow_list", "user_limit", "accent", "providers", "keep_user_id"] {
        assert!(shown.lines().any(|row| row.starts_with(line)), "{line}: {shown}");
    }
    let now = settings();
    assert_eq!(now["destination"], "https://app.example/hooks");
    assert_eq!((&now["user_limit"], &now["accent"]), (&json!(null), &json!("#00aa77")));
    assert_eq!((&now["providers"], &now["keep_user_id"]), (&json!(["FITBIT", "OURA"]), &json!(true)));

    stdout_of(
        &folder,
        &format!("environments set {dev_id} --destination none --redirect any --providers all --accent none"),
    );
    let now = settings();
    assert_eq!((&now["destination"], &now["accent"], &now["providers"]), (&json!(null), &json!(null), &json!(null)));
    assert_eq!(now["redirect_allow_list"], json!([]));
    assert_eq!(folder.json("environments set --providers all")["applied"], false);
}

#[test]
fn an_invalid_setting_is_named_with_its_valid_values() {
    let (folder, _server) = dev();
    for (flag, reason) in [
        ("--accent red", "accent must be #rrggbb"),
        ("--user-limit many", "user_limit must be a number"),
        ("--destination hooks", "destination must be an address"),
        ("", "no setting given"),
    ] {
        let refused = folder.run(&format!("environments set {flag}"));
        assert!(refused.code == 2 && refused.stderr.contains(reason), "{flag}: {refused}");
    }
}
