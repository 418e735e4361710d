use std::time::{Duration, Instant};

use insta::assert_snapshot;
use terra_auth_cli_testkit::Folder;

use crate::support::{FILE, api, dev_id, key};

#[test]
fn a_command_is_written_instead_of_the_key_and_run_each_time() {
    let (folder, api) = (Folder::new(), api());
    folder.write("vault", &key("testing"));
    let setup =
        format!("setup-environment --dev-id {} --api-key-command 'cat vault' --api-url {api}", dev_id("testing"));
    let answer = folder.run(&setup);
    assert_snapshot!(answer.to_string().replace(&api, "http://…/v2"), @"
    exit 0
    Wrote .env.terra.testing
      dev-id          acme-testing-0000000000
      API key         ••••cret  in command cat
      signing secret  none; webhooks cannot be verified
      API             http://…/v2
    Connected! 1 providers available
    ");
    assert!(folder.read(FILE).contains("\nTERRA_API_KEY='command:cat vault'\n"), "{}", folder.read(FILE));
    assert_eq!(folder.run("verify-connection").code, 0);

    folder.write("vault", "");
    let empty = folder.run("verify-connection");
    assert_snapshot!(empty, @"
    exit 8
    --- stderr
    error: .env.terra.testing:2: TERRA_API_KEY could not be read
      because: cat returned no usable value: its first line must be the value
    ");
}

#[test]
fn a_command_that_fails_writes_nothing() {
    let folder = Folder::new();
    let setup = format!("setup-environment --no-verify --dev-id {} --api-key-command", dev_id("testing"));
    for (command, cause) in [("'cat nowhere'", "cat failed (exit code 1): cat: nowhere"), ("\"'\"", "names no command")]
    {
        let answer = folder.run(&format!("{setup} {command}"));
        assert!(answer.code == 8 && answer.stderr.contains(cause), "{answer}");
    }
    assert!(folder.env_files().is_empty());
}

#[test]
fn a_key_that_replaces_its_command_in_the_file_causes_a_warning() {
    let (folder, api) = (Folder::new(), api());
    let plain = format!(
        "TERRA_DEV_ID={}\nTERRA_API_URL={api}\nTERRA_API_KEY='command:echo {}'\n",
        dev_id("testing"),
        key("testing")
    );
    folder.write_trusted(FILE, &plain);
    let setup = format!("setup-environment --dev-id {} --api-key-file -", dev_id("testing"));
    assert_eq!(folder.run_with(&setup, &key("testing")).code, 7);
    assert_eq!(folder.read(FILE), plain);
    let answer = folder.run_with(&format!("{setup} --yes"), &key("testing"));
    let warning = "warning: TERRA_API_KEY was stored outside .env.terra.testing; from now on, the file contains it\n";
    assert_eq!((answer.code, &*answer.stderr), (0, warning));
}

/// Asserts that an unusable keyring is an error and that no key is written to the file instead.
fn assert_nothing_is_written(folder: &Folder, cause: &str) {
    let setup = format!("setup-environment --no-verify --keyring --dev-id {} --api-key-file -", dev_id("testing"));
    let began = Instant::now();
    let answer = folder.run_with(&setup, &key("testing"));
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(answer.code, 1, "{answer}");
    assert!(
        answer.stderr.starts_with("error: could not store TERRA_API_KEY in the keyring; no file was written"),
        "{answer}"
    );
    assert!(answer.stderr.contains(cause), "{answer}");
    assert!(folder.env_files().is_empty());
}

#[test]
fn without_a_keyring_nothing_is_written() {
    let folder = Folder::new().variable("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent");
    assert_nothing_is_written(
        &folder,
        if cfg!(feature = "keyring") { "the keyring cannot be used" } else { "without keyring support" },
    );
}

#[cfg(all(feature = "keyring", target_os = "linux"))]
#[test]
fn a_keyring_that_does_not_answer_times_out_after_a_second() {
    let folder = Folder::new();
    let socket = folder.path("bus");
    let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let folder = folder.variable("DBUS_SESSION_BUS_ADDRESS", &format!("unix:path={}", socket.display()));
    assert_nothing_is_written(&folder, "the keyring did not answer within 1 s");
    folder.write_trusted(FILE, "TERRA_DEV_ID=acme\nTERRA_API_KEY=keyring:terra-auth/acme/api-key\n");
    let answer = folder.run("verify-connection");
    assert_eq!(answer.code, 8);
    assert!(answer.stderr.contains("the keyring did not answer within 1 s"), "{answer}");
}

/// Uses GNOME's keyring on a separate message bus. `cargo xtask setup` installs it.
#[cfg(all(feature = "keyring", target_os = "linux"))]
#[test]
fn a_real_keyring_stores_both_secrets() {
    let (folder, api) = (Folder::new(), api());
    folder.write("key", &key("testing"));
    folder.write("secret", "signing-not-a-secret");
    let setup = format!("setup-environment --keyring --api-url {api} --dev-id {}", dev_id("testing"));
    folder.write(
        "session.sh",
        &format!(
            "printf password | gnome-keyring-daemon --unlock --components=secrets >daemon.log || exit 90
            $TERRA_AUTH {setup} --api-key-file key --signing-secret-file secret --output json || exit 91
            $TERRA_AUTH verify-connection >/dev/null || exit 92
            $TERRA_AUTH env show --reveal --output json >shown || exit 93"
        ),
    );
    let answer = folder.shell("dbus-run-session -- sh session.sh");
    assert_eq!(answer.code, 0, "{answer}");
    let entry = |name: &str| format!("keyring terra-auth/{}/{name}", dev_id("testing"));
    assert_eq!(answer.json()["api_key_in"], entry("api-key"));
    let file = folder.read(FILE);
    assert!(!file.contains("not-a-secret") && file.contains("TERRA_SIGNING_SECRET=keyring:terra-auth/"), "{file}");
    let shown: serde_json::Value = serde_json::from_str(&folder.read("shown")).unwrap();
    assert_eq!(
        (&shown["api_key"]["value"], &shown["signing_secret"]["value"]),
        (&key("testing").into(), &"signing-not-a-secret".into())
    );
}
