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
    assert!(deleted.stderr.contains("are lost: 0 users") && deleted.stderr.contains("1 API keys"), "{deleted}");
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
