use std::os::unix::fs::PermissionsExt as _;

use terra_auth_cli_testkit::{CommandOutput, Folder};

use crate::support::{FILE, dev, run_as};

const TOKEN_FILE: &str = ".terra-auth/admin-token";

#[test]
fn the_admin_token_comes_from_the_flag_the_variable_or_a_file() {
    let (folder, _server) = dev();
    folder.write("good", &folder.read(TOKEN_FILE));
    folder.write("bad", "another-token-not-a-secret\nmore");
    let run = |variables: &[(&str, &str)], arguments: &str| {
        CommandOutput::of(folder.command(&format!("keys list {arguments}")).envs(variables.iter().copied())).code
    };
    let good = folder.read(TOKEN_FILE);
    assert_eq!(run(&[], ""), 0);
    assert_eq!(run(&[("TERRA_AUTH_ADMIN_TOKEN", "")], ""), 0);
    assert_eq!(run(&[("TERRA_AUTH_ADMIN_TOKEN", &good)], ""), 0);
    assert_eq!(run(&[("TERRA_AUTH_ADMIN_TOKEN", "another-token-not-a-secret")], ""), 3);
    assert_eq!(run(&[("TERRA_AUTH_ADMIN_TOKEN_FILE", "bad")], ""), 3);
    assert_eq!(run(&[("TERRA_AUTH_ADMIN_TOKEN", &good), ("TERRA_AUTH_ADMIN_TOKEN_FILE", "bad")], ""), 0);
    assert_eq!(run(&[("TERRA_AUTH_ADMIN_TOKEN", &good)], "--admin-token-file bad"), 3);
    assert_eq!(run(&[("TERRA_AUTH_ADMIN_TOKEN", "bad")], "--admin-token-file good"), 0);
    assert_eq!(run(&[], "--admin-token-file nosuch"), 1);
}

#[test]
fn a_rejected_token_is_not_shown() {
    let (folder, _server) = dev();
    for token in ["another-token-not-a-secret", "a token not-a-secret", "tökén-not-a-secret"] {
        for arguments in ["keys list --verbose", "audit verify --output json"] {
            let answer = run_as(&folder, token, arguments);
            assert!([3, 8].contains(&answer.code) && answer.stderr.contains("TERRA_AUTH_ADMIN_TOKEN"), "{answer}");
            assert!(!answer.to_string().contains("not-a-secret"), "{answer}");
        }
    }
}

#[test]
fn without_a_token_no_request_is_sent() {
    let folder = Folder::new();
    let address = "http://127.0.0.1:9";
    let keys = format!("TERRA_DEV_ID=a\nTERRA_API_KEY=test-key-not-a-secret\nTERRA_API_URL={address}/v2\n");
    folder.write(FILE, &keys);
    for arguments in ["keys list", "audit verify", "admin tokens list", "environments list"] {
        let answer = folder.run(arguments);
        assert_eq!((answer.code, &*answer.stdout), (8, ""), "{answer}");
        assert!(answer.stderr.contains("there is no admin token for http://127.0.0.1:9/v2"), "{answer}");
    }
}

#[test]
fn the_token_of_the_local_server_is_sent_to_no_other_server() {
    let (folder, _server) = dev();
    let answer = folder.run("keys list --dev-id acme-0 --server https://terra.invalid");
    assert_eq!(answer.code, 8, "{answer}");
}

#[test]
fn a_token_file_that_others_can_read_causes_a_warning() {
    let (folder, _server) = dev();
    std::fs::set_permissions(folder.path(TOKEN_FILE), std::fs::Permissions::from_mode(0o644)).unwrap();
    let answer = folder.run("keys list");
    assert_eq!(answer.code, 0, "{answer}");
    assert!(answer.stderr.contains("chmod 600 .terra-auth/admin-token"), "{answer}");
}
