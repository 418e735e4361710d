use insta::assert_snapshot;
use serde_json::Value;
use terra_auth_cli_testkit::{Folder, unreachable_url};

use crate::support::{API_KEY, DEV_ID, FILE, SIGNING_SECRET, api, folder_with_keys};

const GIVEN: &str = "setup-environment --dev-id acme-testing-0000000000 --api-key-stdin";

/// A folder that is a git repository.
fn repository() -> Folder {
    let folder = Folder::new();
    folder.git("init --quiet");
    folder
}

#[test]
fn keys_are_verified_and_written_to_a_file_that_only_its_owner_can_read() {
    let (folder, api) = (Folder::new(), api());
    let answer = folder.run_with(
        &format!("{GIVEN} --signing-secret-stdin --api-url {api}"),
        "test-key-not-a-secret\r\nsigning-not-a-secret",
    );
    assert_snapshot!(answer.to_string().replace(&api, "http://…/v2"), @"
    exit 0
    Wrote .env.terra.testing
      dev-id          acme-testing-0000000000
      API key         ••••cret
      signing secret  ••••cret
      API             http://…/v2
    Connected! 1 providers available
    ");
    assert_snapshot!(folder.read(FILE).replace(&api, "http://…/v2"), @"
    TERRA_DEV_ID=acme-testing-0000000000
    TERRA_API_KEY=test-key-not-a-secret
    TERRA_SIGNING_SECRET=signing-not-a-secret
    TERRA_API_URL=http://…/v2
    ");
    assert_eq!(folder.run("verify-connection").code, 0);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(folder.path(FILE).metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let files = folder.path(".").read_dir().unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(files.filter(|name| name.to_string_lossy().starts_with(".env")).count(), 1); // no temporary file is left
}

#[test]
fn a_secret_is_shown_in_full_only_with_reveal() {
    let folder = folder_with_keys(&api());
    let json = |arguments: &str| serde_json::from_str::<Value>(&folder.run(arguments).stdout).unwrap();
    let masked = json("setup-environment --output json");
    assert_eq!((&masked["api_key"], &masked["signing_secret"]), (&"••••cret".into(), &"••••cret".into()));
    let revealed = json("setup-environment --output json --reveal");
    assert_eq!((&revealed["api_key"], &revealed["signing_secret"]), (&API_KEY.into(), &SIGNING_SECRET.into()));
}

#[test]
fn wrong_keys_and_an_unreachable_api_are_different_errors_and_write_nothing() {
    let folder = Folder::new();
    let wrong = folder.run_with(&format!("{GIVEN} --api-url {}", api()), "another-key-not-a-secret");
    assert_snapshot!(wrong, @"
    exit 3
    --- stderr
    error: could not verify the keys of testing; nothing was written
      because: the keys were not accepted: 401 unknown dev-id or x-api-key (trace id trace-1); check that TERRA_DEV_ID and TERRA_API_KEY are both from the same environment
    next: copy both keys of testing again, from the same source
    ");
    let unreachable = folder.run_with(&format!("{GIVEN} --api-url {}", unreachable_url()), API_KEY);
    assert_eq!(unreachable.code, 5);
    assert!(unreachable.stderr.contains("add --no-verify"), "{unreachable}");
    assert!(!folder.has(FILE));

    let unchecked = folder.run_with(&format!("{GIVEN} --no-verify --api-url {}", unreachable_url()), API_KEY);
    assert_eq!(unchecked.code, 0);
    assert!(unchecked.stdout.contains("Not verified"), "{unchecked}");
}

#[test]
fn without_a_terminal_the_missing_value_is_named() {
    let folder = Folder::new();
    assert_snapshot!(folder.run("setup-environment"), @"
    exit 7
    --- stderr
    error: the dev-id is missing, and there is no terminal for a prompt
    next: pass it with --dev-id
    ");
    assert_snapshot!(folder.run("setup-environment --dev-id acme-testing-0000000000"), @"
    exit 7
    --- stderr
    error: the API key is missing, and there is no terminal for a prompt
    next: pass it with --api-key-stdin or --api-key-file
    ");
    assert_eq!(folder.run_with(GIVEN, "\n").code, 2);
    assert_eq!(folder.run_with("setup-environment --api-key test-key-not-a-secret", "").code, 2);
}

#[test]
fn other_lines_stay_and_keys_are_replaced_only_with_yes() {
    let folder = Folder::new();
    let before =
        "# ours\r\nDEBUG=1\r\nexport TERRA_API_KEY='old-key-not-a-secret' # rotate in May\r\n\r\nNAME=\"a\r\nb\"\r\n";
    folder.write(FILE, before);
    let refused = folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY);
    assert_snapshot!(refused, @"
    exit 7
    --- stderr
    error: .env.terra.testing has a different TERRA_API_KEY; nothing was changed
    next: add --yes to replace it
    ");
    assert_eq!(folder.read(FILE), before);

    assert_eq!(folder.run_with(&format!("{GIVEN} --no-verify --yes"), API_KEY).code, 0);
    let after = before.replace("'old-key-not-a-secret'", API_KEY);
    assert_eq!(folder.read(FILE), format!("{after}TERRA_DEV_ID={DEV_ID}\r\n"));
}

#[test]
fn an_existing_key_is_reused_only_with_its_own_dev_id() {
    let folder = folder_with_keys(&api());
    let before = folder.read(FILE);
    assert_eq!(folder.run("setup-environment --widget-url https://widget.example.com").code, 0);
    assert_eq!(folder.read(FILE), format!("{before}TERRA_WIDGET_URL=https://widget.example.com\n"));
    let another = folder.run("setup-environment --dev-id acme-testing-1111111111 --yes");
    assert!(another.stderr.contains("the API key is missing"), "{another}");
}

#[test]
fn values_that_the_client_would_reject_are_not_written() {
    let folder = Folder::new();
    let staging = "TERRA_DEV_ID=acme-staging-0000000000\nTERRA_API_KEY=test-key-not-a-secret\n";
    folder.write(".env.terra.staging", staging);
    let shared = folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY);
    assert_eq!(shared.code, 2);
    assert!(shared.stderr.contains("is already in staging's file .env.terra.staging"), "{shared}");
    let plain = folder.run_with(&format!("{GIVEN} --no-verify --api-url http://api.example.com"), "another-key");
    assert_eq!(plain.code, 2);
    assert!(plain.stderr.contains("TERRA_API_URL must be encrypted"), "{plain}");
    assert!(!folder.has(FILE));
}

#[test]
fn a_malformed_file_is_not_changed() {
    let folder = Folder::new();
    folder.write(FILE, "A=1\nno entry\n");
    let answer = folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY);
    assert_eq!(answer.code, 8);
    assert!(answer.stderr.contains(".env.terra.testing: line 2 is not KEY=value"), "{answer}");
    assert_eq!(folder.read(FILE), "A=1\nno entry\n");
}

#[test]
fn the_file_is_added_to_gitignore_once() {
    let folder = repository();
    folder.write(".gitignore", "target");
    let first = folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY);
    assert!(first.stderr.contains("Added .env.terra.* to .gitignore"), "{first}");
    assert_eq!(folder.read(".gitignore"), "target\n.env.terra.*\n");
    let second = folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY);
    assert_eq!((second.code, &*second.stderr), (0, ""));
    assert_eq!(folder.read(".gitignore"), "target\n.env.terra.*\n");
    folder.git("check-ignore --quiet .env.terra.production");
}

#[test]
fn a_file_that_is_already_ignored_needs_no_line() {
    let folder = repository();
    folder.write(".gitignore", ".env*\r\n");
    assert_eq!(folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY).code, 0);
    assert_eq!(folder.read(".gitignore"), ".env*\r\n");
}

#[test]
fn no_gitignore_is_created_outside_a_repository() {
    let folder = Folder::new();
    assert_eq!(folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY).code, 0);
    assert!(!folder.has(".gitignore"));
}

#[test]
fn a_file_that_git_tracks_gets_no_keys() {
    let folder = repository();
    folder.write(FILE, "A=1\n");
    folder.git("add --force .env.terra.testing");
    let answer = folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY);
    assert_snapshot!(answer, @"
    exit 1
    --- stderr
    error: .env.terra.testing is tracked by git, which would publish its keys
    next: run `git rm --cached .env.terra.testing`, commit, rotate the keys that were in it, then run this again
    ");
    assert_eq!(folder.read(FILE), "A=1\n");
}

#[cfg(unix)]
#[test]
fn a_link_is_not_written_through() {
    let folder = Folder::new();
    folder.write("elsewhere", "A=1\n");
    std::os::unix::fs::symlink("elsewhere", folder.path(FILE)).unwrap();
    let answer = folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY);
    assert_eq!(answer.code, 1);
    assert!(answer.stderr.contains("it is a link or a folder"), "{answer}");
    assert_eq!(folder.read("elsewhere"), "A=1\n");
}

#[test]
fn keys_in_the_process_environment_cause_a_warning() {
    let folder = Folder::new().variable("TERRA_DEV_ID", "acme-testing-1111111111");
    let answer = folder.run_with(&format!("{GIVEN} --no-verify"), API_KEY);
    assert_eq!(answer.code, 0);
    assert_eq!(answer.stderr, "warning: unset TERRA_DEV_ID: the process environment overrides the file\n");
}
