use insta::assert_snapshot;
use terra_auth_cli_testkit::Folder;

use crate::support::{FILE, dev_id, folder_with, key};

const URL: &str = "http://127.0.0.1:1/v2";

#[test]
fn a_program_gets_only_the_keys_of_one_environment() {
    let folder = folder_with(&["testing", "staging"], URL).variable("TERRA_SIGNING_SECRET", "signing-not-a-secret");
    assert_snapshot!(folder.run("env exec --env staging -- sh -c 'env | grep ^TERRA_ | sort'"), @"
    exit 0
    TERRA_API_KEY=staging-key-not-a-secret
    TERRA_API_URL=http://127.0.0.1:1/v2
    TERRA_DEV_ID=acme-staging-0000000000
    TERRA_ENV=staging
    TERRA_STREAMING_URL=ws://127.0.0.1:1/
    TERRA_WIDGET_URL=http://127.0.0.1:1/
    --- stderr
    warning: TERRA_SIGNING_SECRET of the process environment is not used; the keys come from a file: set it in .env.terra.staging
    ");
    assert_eq!(folder.env_files(), [".env.terra.staging", ".env.terra.testing"]);
}

#[test]
fn a_program_gets_the_resolved_value_of_an_external_key() {
    let folder = Folder::new();
    folder.write_trusted(
        FILE,
        &format!("TERRA_DEV_ID={}\nTERRA_API_KEY='command:echo {}'\n", dev_id("testing"), key("testing")),
    );
    assert_eq!(folder.run("env exec -- printenv TERRA_API_KEY").stdout, format!("{}\n", key("testing")));
    folder.write_trusted(FILE, &format!("TERRA_DEV_ID={}\nTERRA_API_KEY='command:false'\n", dev_id("testing")));
    let refused = folder.run("env exec -- touch ran");
    assert_eq!(refused.code, 8);
    assert_snapshot!(refused.stderr, @"
    error: .env.terra.testing:2: TERRA_API_KEY could not be read
      because: false failed (exit code 1); run it manually to see why
    ");
    assert!(!folder.path("ran").exists());
}

#[test]
fn the_programs_exit_code_and_signal_are_passed_on() {
    let folder = folder_with(&["testing"], URL);
    assert_eq!(folder.run("env exec -- sh -c 'exit 42'").code, 42);
    assert_eq!(folder.run("env exec -- sh -c 'kill -TERM $$'").code, -1);
    assert_eq!(folder.run_with("env exec -- cat", "handed through").stdout, "handed through");
    assert_eq!(folder.run("env exec -- echo --env production").stdout, "--env production\n");
}

#[test]
fn a_program_that_cannot_be_run_is_named() {
    let folder = folder_with(&["testing"], URL);
    assert_snapshot!(folder.run("env exec -- no-such-program"), @"
    exit 1
    --- stderr
    error: could not run no-such-program: No such file or directory (os error 2)
    next: shell built-ins and pipes require a shell: -- sh -c '…'
    ");
    assert_eq!(folder.run("env exec").code, 2);
    assert_eq!(Folder::new().run("env exec -- true").code, 8);
}
