use insta::assert_snapshot;
use terra_auth_cli_testkit::Folder;

use crate::support::{FILE, api, dev_id, folder_with, key, lines};

const ALL: [&str; 3] = ["testing", "staging", "production"];
const FILES: [&str; 3] = [".env.terra.production", ".env.terra.staging", FILE];

/// The arguments that set up all three environments from `testing.in`, `staging.in` and `production.in`.
fn from_all(url: &str) -> String {
    format!(
        "setup-environment --api-url {url} --from testing=testing.in --from staging=staging.in --from production=production.in"
    )
}

#[test]
fn three_environments_are_set_up_in_one_run() {
    let (folder, api) = (Folder::new(), api());
    for environment in ALL {
        folder.write(&format!("{environment}.in"), &lines(environment, ""));
    }
    let answer = folder.run(&from_all(&api));
    assert_snapshot!(answer.to_string().replace(&api, "http://…/v2"), @"
    exit 0
    Wrote .env.terra.testing
      dev-id          acme-testing-0000000000
      API key         ••••cret
      signing secret  none; webhooks cannot be verified
      API             http://…/v2
    Connected! 1 providers available

    Wrote .env.terra.staging
      dev-id          acme-staging-0000000000
      API key         ••••cret
      signing secret  none; webhooks cannot be verified
      API             http://…/v2
    Connected! 1 providers available

    Wrote .env.terra.production
      dev-id          acme-production-0000000000
      API key         ••••cret
      signing secret  none; webhooks cannot be verified
      API             http://…/v2
    Connected! 1 providers available
    ");
    assert_eq!(folder.env_files(), FILES);
    for environment in ALL {
        let written = format!("{}TERRA_API_URL={api}\n", lines(environment, ""));
        assert_eq!(folder.read(&format!(".env.terra.{environment}")), written);
    }
    let listed = folder.run("env list --output json").json();
    assert!(listed.as_array().unwrap().iter().all(|line| line["last_verified"].is_string()), "{listed}");
}

#[test]
fn one_file_on_standard_input_may_contain_all_three() {
    let (folder, api) = (Folder::new(), api());
    let text = format!(
        "OTHER=1\n{}{}{}",
        lines("testing", ""),
        lines("staging", "STAGING_"),
        lines("production", "PRODUCTION_")
    );
    let answer = folder.run_with(&format!("setup-environment --from - --api-url {api} --output json"), &text);
    assert_eq!(answer.code, 0, "{answer}");
    assert_eq!(answer.json()[2]["environment"], "production");
    assert_eq!(folder.env_files(), FILES);
    assert!(folder.read(FILE).starts_with(&lines("testing", "")));
}

#[test]
fn if_one_pair_is_wrong_none_is_written() {
    let (folder, api) = (folder_with(&["staging"], "http://127.0.0.1:1/v2"), api());
    let before = folder.read(".env.terra.staging");
    for environment in ALL {
        folder.write(&format!("{environment}.in"), &lines(environment, ""));
    }
    folder.write("production.in", &lines("production", "").replace("production-key", "no-key"));
    let answer = folder.run(&format!("{} --yes", from_all(&api)));
    assert_eq!(answer.code, 3);
    assert!(
        answer.stderr.starts_with("error: could not verify the keys of production; nothing was written"),
        "{answer}"
    );
    assert_eq!(folder.env_files(), [".env.terra.staging"]);
    assert_eq!(folder.read(".env.terra.staging"), before);
}

#[test]
fn the_error_names_the_key_that_belongs_to_another_environment() {
    let api = api();
    let folder = folder_with(&["staging"], &api);
    let next = |dev_id: &str, key: &str| {
        let arguments = format!("setup-environment --dev-id {dev_id} --api-key-file - --api-url {api}");
        let answer = folder.run_with(&arguments, key);
        assert_eq!(answer.code, 3, "{answer}");
        assert_eq!(folder.env_files(), [".env.terra.staging"]);
        answer.stderr.lines().last().unwrap().to_owned()
    };
    // An older key of staging differs from the one in its file.
    assert_snapshot!(next(&dev_id("testing"), "older-staging-key-not-a-secret"), @"next: the API key belongs to staging: it is valid for acme-staging-0000000000; copy the key of testing");
    assert_snapshot!(next("acme-production-1111111111", "unknown-key-not-a-secret"), @"next: by its name, the dev-id is production's; copy both keys of testing again, from the same source");
    assert_snapshot!(next(&dev_id("testing"), "unknown-key-not-a-secret"), @"next: copy both keys of testing again, from the same source");
    let (testing, staging) = (key("testing"), format!("older-{}", key("staging")));
    let both = (lines("testing", "TESTING_") + &lines("staging", "STAGING_")).replace(&key("staging"), "swapped");
    let swapped = both.replace(&testing, &staging).replace("swapped", &testing);
    let swapped = folder.run_with(&format!("setup-environment --from - --yes --api-url {api}"), &swapped);
    assert_snapshot!(swapped.stderr.lines().last().unwrap(), @"next: the API key belongs to staging: it is valid for acme-staging-0000000000; copy the key of testing");
}

#[test]
fn a_wrong_address_and_wrong_keys_are_different_errors() {
    let (folder, api) = (Folder::new(), api());
    let origin = api.trim_end_matches("/v2");
    let answer = folder.run_with(
        &format!("setup-environment --dev-id {} --api-key-file - --api-url {origin}/v3", dev_id("testing")),
        &key("testing"),
    );
    assert_eq!(answer.code, 4);
    let next = answer.stderr.lines().last().unwrap();
    assert_eq!(next, format!("next: check --api-url: there is no Terra API at {origin}/v3"));
}

#[test]
fn the_same_dev_id_or_key_for_two_environments_is_rejected() {
    let folder = Folder::new();
    let both = |a: &str, b: &str| folder.run_with("setup-environment --from - --no-verify", &format!("{a}{b}"));
    let testing = lines("testing", "TESTING_");
    let same_id = lines("staging", "STAGING_").replace(&dev_id("staging"), &dev_id("testing"));
    let same_key = lines("staging", "STAGING_").replace(&key("staging"), &key("testing"));
    for (other, what) in [(same_id, "TERRA_DEV_ID"), (same_key, "TERRA_API_KEY")] {
        let answer = both(&testing, &other);
        assert_eq!(answer.code, 2);
        let expected = format!("error: testing and staging have the same {what}; nothing was written");
        assert!(answer.stderr.starts_with(&expected), "{answer}");
    }
    assert!(folder.env_files().is_empty());
}

#[test]
fn an_unusable_input_file_is_named_with_the_reason() {
    let folder = Folder::new();
    folder.write("half.in", "TERRA_DEV_ID=acme\n");
    folder.write("key.in", "TERRA_API_KEY=test-key-not-a-secret\n");
    folder.write("other.in", "PATH=/bin\n");
    folder.write("broken.in", "TERRA_DEV_ID=acme\nTERRA_API_KEY=\"never closed not-a-secret\n");
    folder.write("expanded.in", "TERRA_DEV_ID=acme\nTERRA_API_KEY=a$HOME\n");
    folder.write("foreign.in", &(lines("testing", "") + "TERRA_ENV=production\n"));
    let cases = [
        (2, "half.in", "no TERRA_API_KEY given for testing; nothing was written"),
        (2, "key.in", "no TERRA_DEV_ID given for testing; nothing was written"),
        (2, "other.in", "other.in has no keys"),
        (8, "broken.in", "broken.in: line 2 is not KEY=value"),
        (8, "expanded.in", "expanded.in: line 2 has a `$` in TERRA_API_KEY"),
        (2, "foreign.in", "foreign.in is for production (by its TERRA_ENV), but was passed for testing"),
        (2, "half.in --from staging=half.in --from testing=key.in", "no TERRA_API_KEY"),
        (2, "testing=key.in --from testing=key.in", "testing was given twice"),
        (2, "- --from staging=-", "standard input was given twice"),
        (1, "nowhere.in", "could not read nowhere.in"),
        (2, "half.in --all", "cannot be used with"),
    ];
    for (code, from, message) in cases {
        let answer = folder.run(&format!("setup-environment --no-verify --from {from}"));
        assert!(answer.code == code && answer.stderr.contains(message), "{from}: {answer}");
        assert!(!answer.to_string().contains("not-a-secret"), "{answer}");
    }
    assert_eq!(folder.run("setup-environment --all").code, 7);
    assert!(folder.env_files().is_empty());
}

#[test]
fn a_value_that_dotenv_libraries_read_differently_is_not_written() {
    let folder = Folder::new();
    for secret in ["it's \"so\"", "$ and '", "a${HOME}", r"two\\", r"end\", "bell\u{7}"] {
        let arguments = format!(
            "setup-environment --no-verify --dev-id {} --api-key-file key --signing-secret-file secret",
            dev_id("testing")
        );
        folder.write("key", &key("testing"));
        folder.write("secret", secret);
        let answer = folder.run(&arguments);
        assert_eq!(answer.code, 2, "{secret}: {answer}");
        assert!(answer.stderr.starts_with("error: TERRA_SIGNING_SECRET has quotes"), "{answer}");
        assert!(folder.env_files().is_empty());
    }
}
