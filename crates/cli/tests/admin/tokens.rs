use serde_json::json;
use terra_auth_cli_testkit::Folder;

use crate::support::{dev, run_as, stdout_of};

fn token(folder: &Folder, role: &str) -> String {
    let answer = folder.run(&format!("admin tokens create --name {role} --role {role}"));
    assert!(answer.code == 0 && answer.stderr.contains("it is not shown again"), "{answer}");
    answer.stdout.trim_end().to_owned()
}

#[test]
fn each_role_is_limited_to_its_permissions() {
    let (folder, _server) = dev();
    let (reader, operator) = (token(&folder, "read-only"), token(&folder, "operator"));
    let dev_id = folder.key("TERRA_DEV_ID");
    for (arguments, by_reader, by_operator) in [
        ("keys list", 0, 0),
        ("environments list", 0, 0),
        ("audit list", 0, 0),
        ("keys create --name x", 3, 0),
        ("keys rotate", 3, 0),
        ("keys rotate-signing-secret", 3, 0),
        (&format!("environments disable {dev_id}"), 3, 0),
        ("environments create --name x", 3, 3),
        (&format!("environments delete {dev_id} --yes"), 3, 3),
        ("admin tokens list", 3, 3),
        ("admin tokens create --name x --role owner", 3, 3),
    ] {
        for (token, code) in [(&reader, by_reader), (&operator, by_operator)] {
            let answer = run_as(&folder, token, arguments);
            assert_eq!(answer.code, code, "{arguments}: {answer}");
            assert!(code == 0 || answer.stderr.contains("this needs the role "), "{arguments}: {answer}");
        }
    }
    let log = folder.json("audit list");
    let denied = log.as_array().unwrap().iter().filter(|entry| entry["allowed"] == false).count();
    assert_eq!(denied, 12, "{log:#}");
}

#[test]
fn a_token_is_listed_and_revoked() {
    let (folder, _server) = dev();
    let alice = token(&folder, "operator");
    let tokens = folder.json("admin tokens list");
    assert_eq!((&tokens[0]["name"], &tokens[1]["role"]), (&json!("bootstrap"), &json!("operator")));
    assert!(tokens[0]["expires_at"].is_null() && tokens[1]["expires_at"].is_string(), "{tokens}");
    assert!(stdout_of(&folder, "admin tokens list").lines().nth(1).unwrap().trim_end().ends_with("never"));

    let id = |index: usize| tokens[index]["token_id"].as_str().unwrap().to_owned();
    assert_eq!(folder.run(&format!("admin tokens revoke {}", id(1))).code, 7);
    stdout_of(&folder, &format!("admin tokens revoke {} --yes", id(1)));
    assert_eq!(run_as(&folder, &alice, "keys list").code, 3);
    let last = folder.run(&format!("admin tokens revoke {} --yes", id(0)));
    assert!(last.code == 1 && last.stderr.contains("last owner"), "{last}");
}
