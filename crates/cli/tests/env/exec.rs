use insta::assert_snapshot;

use crate::support::{FILE, Folder, dev_id, key};

const URL: &str = "http://127.0.0.1:1/v2";

#[test]
fn a_program_gets_the_keys_of_one_environment_and_of_no_other() {
    let folder = Folder::with(&["testing", "staging"], URL).variable("TERRA_SIGNING_SECRET", "signing-not-a-secret");
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
fn a_key_that_is_kept_elsewhere_reaches_the_program_itself() {
    let folder = Folder::new();
    folder.write_trusted(
        FILE,
        &format!("TERRA_DEV_ID={}\nTERRA_API_KEY='command:echo {}'\n", dev_id("testing"), key("testing")),
    );
    assert_eq!(folder.run("env exec -- printenv TERRA_API_KEY").stdout, format!("{}\n", key("testing")));
    folder.write_trusted(FILE, &format!("TERRA_DEV_ID={}\nTERRA_API_KEY='command:false'\n", dev_id("testing")));
    let refused = folder.run("env exec -- touch ran");
    assert_eq!(refused.code, Some(8));
    assert_snapshot!(refused.stderr, @"
    error: .env.terra.testing:2: TERRA_API_KEY could not be had
      because: false failed (exit code 1); run it by itself to see why
    ");
    assert!(!folder.path("ran").exists());
}

#[test]
fn the_programs_own_end_is_seen() {
    let folder = Folder::with(&["testing"], URL);
    assert_eq!(folder.run("env exec -- sh -c 'exit 42'").code, Some(42));
    assert_eq!(folder.run("env exec -- sh -c 'kill -TERM $$'").code, None);
    assert_eq!(folder.run_with("env exec -- cat", "handed through").stdout, "handed through");
    assert_eq!(folder.run("env exec -- echo --env production").stdout, "--env production\n");
}

#[test]
fn what_cannot_be_run_is_named() {
    let folder = Folder::with(&["testing"], URL);
    assert_snapshot!(folder.run("env exec -- no-such-program"), @"
    exit 1
    --- stderr
    error: could not run no-such-program: No such file or directory (os error 2)
    next: a shell's own commands and pipes need a shell: -- sh -c '…'
    ");
    assert_eq!(folder.run("env exec").code, Some(2));
    assert_eq!(Folder::new().run("env exec -- true").code, Some(8));
}
