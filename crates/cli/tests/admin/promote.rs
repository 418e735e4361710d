use serde_json::json;

use crate::support::{dev, stdout_of};

#[test]
fn settings_are_compared_exported_and_applied_to_another_environment() {
    let (folder, server) = dev();
    let file =
        stdout_of(&folder, &format!("environments create --env staging --name Acme --server {}", server.origin()));
    folder.write(".env.terra.staging", &file);
    folder.write(
        "wanted.toml",
        "name = \"Acme\"\naccent = \"#0b6e4f\"\nproviders = [\"FITBIT\", \"OURA\"]\nuser_limit = \"none\"\n\
         keep_user_id = true\n",
    );

    let dry = folder.json("env apply wanted.toml --dry-run");
    assert_eq!((&dry["applied"], dry["changes"].as_array().unwrap().len()), (&json!(false), 5), "{dry}");
    assert_eq!(folder.run("env apply wanted.toml").code, 7, "without a terminal and --yes");
    assert_eq!(folder.json("env diff testing staging").as_array().unwrap().len(), 1, "only the name differs");

    let applied = folder.json("env apply wanted.toml --yes");
    assert_eq!(applied["applied"], true);
    let shown = folder.json("environments list");
    let found: Vec<_> =
        shown.as_array().unwrap().iter().map(|line| (&line["environment"], &line["keep_user_id"])).collect();
    assert!(found.contains(&(&json!("testing"), &json!(true))) && found.contains(&(&json!("staging"), &json!(false))));
    let rows = stdout_of(&folder, "env diff testing staging");
    assert!(rows.contains("providers") && rows.contains("FITBIT, OURA") && rows.contains("all"), "{rows}");
    assert!(rows.contains("#0b6e4f") && rows.contains("user_limit") && !rows.contains("name  "), "{rows}");

    folder.write("exported.toml", &stdout_of(&folder, "env export"));
    stdout_of(&folder, "env apply exported.toml --env staging --yes");
    assert_eq!(folder.json("env diff testing staging"), json!([]));
    assert_eq!(
        folder.json("env apply exported.toml --env staging --yes")["applied"],
        false,
        "nothing differs any more"
    );
    let exported = stdout_of(&folder, "env export --env staging");
    assert!(
        exported.contains("providers = [\"FITBIT\", \"OURA\"]") && !exported.contains(&folder.key("TERRA_API_KEY"))
    );
}

#[test]
fn an_invalid_settings_file_changes_nothing() {
    let (folder, _server) = dev();
    let before = stdout_of(&folder, "env export");
    folder.write("bad.toml", "name = \"Other\"\napi_key = \"test-key-not-a-secret\"\n");
    let unknown = folder.run("env apply bad.toml --yes");
    assert!(unknown.code == 2 && unknown.stderr.contains("an unknown setting api_key"), "{unknown}");
    folder.write("bad.toml", "providers = [\"NO_SUCH\"]\n");
    let refused = folder.run("env apply bad.toml --yes");
    assert!(refused.code == 1 && refused.stderr.contains("invalid providers"), "{refused}");
    assert_eq!(stdout_of(&folder, "env export"), before);
}
