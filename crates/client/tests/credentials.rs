//! The sources of keys, and the keys that are rejected.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path};

use tempfile::TempDir;
use terra_auth::{
    Credentials, CredentialsError, Environment,
    credentials::{FileDigest, Source, TRUSTED_FILES, Trust, TrustStore, UnresolvedCredentials, file_name},
};

const TESTING: &str = "TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY=test-key-not-a-secret\n";
const PRODUCTION: &str = "TERRA_DEV_ID=acme-production-0000000000\nTERRA_API_KEY=other-key-not-a-secret\n";

/// Creates a directory with these files, readable by their owner only.
fn dir(files: &[(&str, &str)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let file = dir.path().join(name);
        fs::write(&file, text).unwrap();
        set_mode(&file, 0o600);
    }
    dir
}

#[cfg(unix)]
fn set_mode(file: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) {}

/// Loads testing's keys.
fn load(files: &[(&str, &str)], vars: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
    load_from(dir(files).path(), vars)
}

fn load_from(dir: &Path, vars: &[(&str, &str)]) -> Result<Credentials, CredentialsError> {
    let get = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Credentials::load_from(Environment::Testing, dir, &get)
}

/// Returns the text of the error, without the directory. An error must never contain a value.
fn refusal(files: &[(&str, &str)], vars: &[(&str, &str)]) -> String {
    let dir = dir(files);
    let error = load_from(dir.path(), vars).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("not-a-secret"));
    error.to_string().replace(&format!("{}/", dir.path().display()), "")
}

const PAIR: [(&str, &str); 2] =
    [("TERRA_DEV_ID", "acme-process-0000000000"), ("TERRA_API_KEY", "process-key-not-a-secret")];

#[test]
fn keys_come_from_the_environments_file() {
    let credentials = load(&[(".env.terra.testing", TESTING), (".env.terra.production", PRODUCTION)], &[]).unwrap();
    assert_eq!(credentials.dev_id.as_str(), "acme-testing-0000000000");
    assert_eq!(credentials.api_key.expose(), "test-key-not-a-secret");
    assert!(credentials.signing_secret.is_none());
    assert_eq!(credentials.api_url.as_str(), "https://api.tryterra.co/v2");
    assert_eq!(credentials.widget_url.as_str(), "https://widget.tryterra.co/");
    assert_eq!(credentials.streaming_url.as_str(), "wss://ws.tryterra.co/");
    assert!(credentials.source.to_string().ends_with(".env.terra.testing"));
    assert_eq!(credentials.warnings, Vec::<String>::new());
    assert!(!format!("{credentials:?}").contains("not-a-secret"));
}

#[test]
fn each_environment_has_its_own_file() {
    let dir = dir(&[(".env.terra.testing", TESTING), (".env.terra.production", PRODUCTION)]);
    let production = Credentials::load_from(Environment::Production, dir.path(), &|_| None).unwrap();
    assert_eq!(production.dev_id.as_str(), "acme-production-0000000000");
    assert_eq!(file_name(Environment::Staging), ".env.terra.staging");
    let error = Credentials::load_from(Environment::Staging, dir.path(), &|_| None).unwrap_err();
    assert!(matches!(error, CredentialsError::NoFile { environment: Environment::Staging, .. }));
}

#[test]
fn the_shorter_file_name_is_read_if_the_longer_is_absent() {
    let credentials = load(&[(".env.testing", TESTING)], &[]).unwrap();
    assert!(credentials.source.to_string().ends_with(".env.testing"));
}

#[test]
fn of_both_files_the_longer_name_is_read_with_a_notice() {
    let dir = dir(&[(".env.terra.testing", TESTING), (".env.testing", PRODUCTION)]);
    let credentials = load_from(dir.path(), &[]).unwrap();
    assert_eq!(credentials.dev_id.as_str(), "acme-testing-0000000000");
    let at = |name: &str| dir.path().join(name).display().to_string();
    let expected = format!("using {}; {} is not read", at(".env.terra.testing"), at(".env.testing"));
    assert_eq!(credentials.warnings, [expected]);
}

#[test]
fn every_variable_of_a_file_is_read() {
    let more = "TERRA_SIGNING_SECRET='secret-not-a-secret'\nTERRA_API_URL=http://127.0.0.1:8080/v2\n\
        TERRA_WIDGET_URL=https://widget.example.com\nTERRA_STREAMING_URL=wss://stream.example.com\n";
    let credentials = load(&[(".env.terra.testing", &format!("{TESTING}{more}"))], &[]).unwrap();
    assert_eq!(credentials.signing_secret.unwrap().expose(), "secret-not-a-secret");
    assert_eq!(credentials.api_url.as_str(), "http://127.0.0.1:8080/v2");
    assert_eq!(credentials.widget_url.as_str(), "https://widget.example.com/");
    assert_eq!(credentials.streaming_url.as_str(), "wss://stream.example.com/");
}

#[test]
fn a_self_hosted_server_gets_all_calls() {
    let with_url = format!("{TESTING}TERRA_API_URL=http://127.0.0.1:8080/v2\n");
    let credentials = load(&[(".env.terra.testing", &with_url)], &[]).unwrap();
    assert_eq!(credentials.widget_url.as_str(), "http://127.0.0.1:8080/");
    assert_eq!(credentials.streaming_url.as_str(), "ws://127.0.0.1:8080/");
}

#[test]
fn the_newer_hosted_url_has_the_same_other_hosts() {
    let with_url = format!("{TESTING}TERRA_API_URL=https://access.tryterra.co/api/v2\n");
    let credentials = load(&[(".env.terra.testing", &with_url)], &[]).unwrap();
    assert_eq!(credentials.streaming_url.as_str(), "wss://ws.tryterra.co/");
}

#[test]
fn the_process_environment_with_both_keys_is_the_only_source() {
    let with_url = format!("{TESTING}TERRA_API_URL=http://127.0.0.1:8080/v2\nTERRA_SIGNING_SECRET=a\n");
    let credentials = load(&[(".env.terra.testing", &with_url)], &PAIR).unwrap();
    assert_eq!(credentials.dev_id.as_str(), "acme-process-0000000000");
    assert_eq!(credentials.source, Source::Process);
    assert_eq!(credentials.api_url.as_str(), "https://api.tryterra.co/v2");
    assert!(credentials.signing_secret.is_none());
}

#[test]
fn half_a_pair_in_the_process_environment_is_never_completed_from_a_file() {
    for (index, missing) in [(0, "TERRA_API_KEY"), (1, "TERRA_DEV_ID")] {
        let (present, _) = PAIR[index];
        let expected = format!(
            "the process environment has {present} but not {missing}; set both there, or neither to use .env.terra.testing"
        );
        assert_eq!(refusal(&[(".env.terra.testing", TESTING)], &PAIR[index..=index]), expected);
        let with_empty = [PAIR[index], (missing, " ")];
        assert_eq!(refusal(&[(".env.terra.testing", TESTING)], &with_empty), expected);
    }
}

#[test]
fn empty_variables_count_as_absent() {
    let empty = [("TERRA_DEV_ID", ""), ("TERRA_API_KEY", ""), ("TERRA_API_URL", "")];
    let credentials = load(&[(".env.terra.testing", TESTING)], &empty).unwrap();
    assert_eq!((credentials.dev_id.as_str(), credentials.warnings.len()), ("acme-testing-0000000000", 0));
}

#[test]
fn a_url_in_the_process_environment_is_not_used_with_a_key_from_a_file() {
    let vars = [("TERRA_API_URL", "https://elsewhere.example.com")];
    let credentials = load(&[(".env.terra.testing", TESTING)], &vars).unwrap();
    assert_eq!(credentials.api_url.as_str(), "https://api.tryterra.co/v2");
    assert_eq!(
        credentials.warnings,
        [
            "TERRA_API_URL of the process environment is not used; the keys come from a file: set it in .env.terra.testing"
        ]
    );
}

#[test]
fn another_environments_pair_in_the_process_environment_is_rejected() {
    let of = |environment| [PAIR[0], PAIR[1], ("TERRA_ENV", environment)];
    assert_eq!(
        refusal(&[(".env.terra.testing", TESTING)], &of("production")),
        "testing was requested, but the process environment has keys of production (according to TERRA_ENV); \
         unset them, or use production"
    );
    assert!(load(&[], &of("testing")).is_ok());
}

const OWN_PAIR: [(&str, &str); 2] =
    [("TERRA_DEV_ID_TESTING", "acme-own-0000000000"), ("TERRA_API_KEY_TESTING", "own-key-not-a-secret")];
const PRODUCTION_PAIR: [(&str, &str); 2] =
    [("TERRA_DEV_ID_PRODUCTION", "acme-live-0000000000"), ("TERRA_API_KEY_PRODUCTION", "live-key-not-a-secret")];

#[test]
fn one_process_has_the_keys_of_several_environments() {
    let vars = [OWN_PAIR, PRODUCTION_PAIR].concat();
    let get = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    let of = |environment| Credentials::load_from(environment, dir(&[]).path(), &get);
    assert_eq!(of(Environment::Testing).unwrap().dev_id.as_str(), "acme-own-0000000000");
    let production = of(Environment::Production).unwrap();
    assert_eq!(production.api_key.expose(), "live-key-not-a-secret");
    assert_eq!(production.source, Source::ProcessOf(Environment::Production));
    assert_eq!(production.source.to_string(), "the process environment (…_PRODUCTION)");
    assert!(
        of(Environment::Staging).unwrap_err().to_string().contains("or TERRA_DEV_ID_STAGING and TERRA_API_KEY_STAGING")
    );
}

#[test]
fn variables_that_name_the_environment_are_the_only_source() {
    let more = [
        ("TERRA_ENV", "production"),
        ("TERRA_SIGNING_SECRET_TESTING", "own-secret-not-a-secret"),
        ("TERRA_RETIRING_SIGNING_SECRET_TESTING", "older-not-a-secret"),
        ("TERRA_API_URL_TESTING", "http://127.0.0.1:8080/v2"),
        ("TERRA_WIDGET_URL_TESTING", "https://widget.example.com"),
        ("TERRA_STREAMING_URL_TESTING", "wss://stream.example.com"),
    ];
    let vars = [&OWN_PAIR[..], &PAIR[..], &more[..]].concat();
    let credentials = load(&[(".env.terra.testing", TESTING)], &vars).unwrap();
    assert_eq!(
        (credentials.dev_id.as_str(), credentials.api_key.expose()),
        ("acme-own-0000000000", "own-key-not-a-secret")
    );
    assert_eq!(credentials.signing_secrets().count(), 2);
    let urls = [&credentials.api_url, &credentials.widget_url, &credentials.streaming_url].map(url::Url::as_str);
    assert_eq!(urls, ["http://127.0.0.1:8080/v2", "https://widget.example.com/", "wss://stream.example.com/"]);
    assert_eq!(credentials.warnings, Vec::<String>::new(), "the plain pair is production's");
}

#[test]
fn half_of_an_environments_own_pair_is_never_completed_from_elsewhere() {
    for (index, missing) in [(0, "TERRA_API_KEY_TESTING"), (1, "TERRA_DEV_ID_TESTING")] {
        let (present, _) = OWN_PAIR[index];
        let expected = format!(
            "the process environment has {present} but not {missing}; set both there, or neither to use .env.terra.testing"
        );
        for empty in ["", " "] {
            let vars = [PAIR[0], PAIR[1], OWN_PAIR[index], (missing, empty)];
            assert_eq!(refusal(&[(".env.terra.testing", TESTING)], &vars), expected);
        }
    }
    let empty = [("TERRA_DEV_ID_TESTING", ""), ("TERRA_API_KEY_TESTING", " "), PAIR[0], PAIR[1]];
    assert_eq!(load(&[], &empty).unwrap().source, Source::Process);
}

#[test]
fn a_variable_of_another_source_is_not_used_and_gives_a_notice() {
    let notices = |files: &[(&str, &str)], vars: &[(&str, &str)]| load(files, vars).unwrap().warnings;
    let url = ("TERRA_API_URL", "https://elsewhere.example.com");
    let own_url = ("TERRA_API_URL_TESTING", "https://elsewhere.example.com");
    assert_eq!(
        notices(&[], &[OWN_PAIR[0], OWN_PAIR[1], url]),
        [
            "TERRA_API_URL of the process environment is not used; the keys come from variables that end in _TESTING: set it there"
        ]
    );
    assert_eq!(
        notices(&[], &[PAIR[0], PAIR[1], own_url]),
        ["TERRA_API_URL_TESTING of the process environment is not used; \
          the keys come from TERRA_DEV_ID and TERRA_API_KEY: set it without _TESTING"]
    );
    assert_eq!(
        notices(&[(".env.terra.testing", TESTING)], &[own_url]),
        ["TERRA_API_URL_TESTING of the process environment is not used; \
          the keys come from a file: set it in .env.terra.testing"]
    );
}

#[test]
fn an_error_about_an_environments_own_variable_names_it() {
    let with = |name, value| refusal(&[], &[OWN_PAIR[0], OWN_PAIR[1], (name, value)]);
    assert_eq!(
        with("TERRA_API_URL_TESTING", "http://api.example.com"),
        "the process environment: TERRA_API_URL_TESTING must be encrypted, except on loopback"
    );
    assert_eq!(
        refusal(&[], &[OWN_PAIR[0], ("TERRA_API_KEY_TESTING", "two not-a-secret words")]),
        "the process environment: TERRA_API_KEY_TESTING must be visible ASCII characters"
    );
}

#[test]
fn a_key_of_two_environments_is_rejected_in_variables_too() {
    let copied = [OWN_PAIR[0], OWN_PAIR[1], ("TERRA_API_KEY_PRODUCTION", "own-key-not-a-secret")];
    let expected = "is also in production's variable TERRA_API_KEY_PRODUCTION; \
        each environment has its own keys: fix the wrong one";
    assert!(refusal(&[], &copied).ends_with(expected));
    let from_file = [("TERRA_API_KEY_PRODUCTION", "test-key-not-a-secret")];
    assert!(refusal(&[(".env.terra.testing", TESTING)], &from_file).ends_with(expected));
}

#[test]
fn a_named_environment_without_keys_changes_nothing() {
    assert!(load(&[(".env.terra.testing", TESTING)], &[("TERRA_ENV", "production")]).is_ok());
}

#[test]
fn a_pair_from_another_environments_file_is_rejected() {
    let production = [("TERRA_DEV_ID", "acme-production-0000000000"), ("TERRA_API_KEY", "other-key-not-a-secret")];
    for name in [".env.terra.production", ".env.production"] {
        assert_eq!(
            refusal(&[(name, PRODUCTION)], &production),
            format!(
                "testing was requested, but TERRA_DEV_ID from the process environment is also in production's file {name}; \
                 each environment has its own keys: fix the wrong one"
            )
        );
    }
}

#[test]
fn a_key_copied_into_two_files_is_rejected() {
    let copied = "TERRA_DEV_ID=acme-staging-0000000000\nTERRA_API_KEY=test-key-not-a-secret\n";
    assert_eq!(
        refusal(&[(".env.terra.testing", TESTING), (".env.terra.staging", copied)], &[]),
        "testing was requested, but TERRA_API_KEY from .env.terra.testing:2 is also in staging's file .env.terra.staging; \
         each environment has its own keys: fix the wrong one"
    );
}

#[test]
fn another_environments_broken_file_is_ignored() {
    let files = [(".env.terra.testing", TESTING), (".env.terra.production", "broken line")];
    assert!(load(&files, &[]).is_ok());
}

#[test]
fn without_a_file_the_error_has_both_names_and_the_fix() {
    assert_eq!(
        refusal(&[], &[]),
        "no keys for testing: neither .env.terra.testing nor .env.testing exists; \
         run `terra-auth dev` for a server on this machine, or `terra-auth setup-environment --env testing` for keys that \
         you have, or set TERRA_DEV_ID and TERRA_API_KEY (or TERRA_DEV_ID_TESTING and TERRA_API_KEY_TESTING)"
    );
}

#[test]
fn a_missing_or_unusable_value_is_named_with_its_line() {
    let remedy = "is missing; add it there, or run `terra-auth setup-environment --env testing`";
    let with = |text: &str| refusal(&[(".env.terra.testing", text)], &[]);
    let (id, key) = ("TERRA_DEV_ID=acme-testing-0000000000", "TERRA_API_KEY=test-key-not-a-secret");
    for (text, expected) in [
        (id.to_owned(), format!(".env.terra.testing: TERRA_API_KEY {remedy}")),
        (key.to_owned(), format!(".env.terra.testing: TERRA_DEV_ID {remedy}")),
        (format!("{id}\n\nTERRA_API_KEY="), format!(".env.terra.testing:3: TERRA_API_KEY {remedy}")),
        (
            format!("{key}\nTERRA_DEV_ID='two words'"),
            ".env.terra.testing:2: TERRA_DEV_ID must be 1 to 128 visible ASCII characters".to_owned(),
        ),
        (
            format!("{id}\nTERRA_API_KEY='two not-a-secret words'"),
            ".env.terra.testing:2: TERRA_API_KEY must be visible ASCII characters".to_owned(),
        ),
    ] {
        assert_eq!(with(&text), expected);
    }
}

#[test]
fn an_address_must_be_safe_to_send_keys_to() {
    let with = |line: &str| refusal(&[(".env.terra.testing", &format!("{TESTING}{line}\n"))], &[]);
    let bare = "must be a bare address, without user, query or fragment";
    for (line, problem) in [
        ("TERRA_API_URL=api.example.com", "is not a URL"),
        ("TERRA_API_URL=ftp://api.example.com", "must be an https:// URL"),
        ("TERRA_API_URL=http://api.example.com", "must be encrypted, except on loopback"),
        ("TERRA_API_URL=https://user:pass@api.example.com", bare),
        ("TERRA_WIDGET_URL=http://widget.example.com", "must be encrypted, except on loopback"),
        ("TERRA_STREAMING_URL=https://stream.example.com", "must be a wss:// URL"),
        ("TERRA_STREAMING_URL=wss://stream.example.com?a=b", bare),
    ] {
        let (key, _) = line.split_once('=').unwrap();
        assert_eq!(with(line), format!(".env.terra.testing:3: {key} {problem}"));
    }
}

#[test]
fn an_invalid_line_is_reported_without_its_text() {
    assert_eq!(
        refusal(&[(".env.terra.testing", "# keys\nTERRA_DEV_ID=a\nTERRA_API_KEY: test-key-not-a-secret\n")], &[]),
        ".env.terra.testing:3: is not KEY=value; quote a value that has spaces, and close every quote"
    );
}

#[test]
fn a_file_that_is_too_long_or_a_directory_is_not_read() {
    assert_eq!(refusal(&[(".env.terra.testing", &"#\n".repeat(40_000))], &[]), "could not read .env.terra.testing");
    let dir = dir(&[]);
    fs::create_dir(dir.path().join(".env.terra.testing")).unwrap();
    assert!(matches!(load_from(dir.path(), &[]).unwrap_err(), CredentialsError::Unreadable { .. }));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_can_open_gives_a_notice() {
    let dir = dir(&[(".env.terra.testing", TESTING)]);
    let file = dir.path().join(".env.terra.testing");
    set_mode(&file, 0o640);
    let name = file.display();
    assert_eq!(
        load_from(dir.path(), &[]).unwrap().warnings,
        [format!("other users of this machine can open {name}; run `chmod 600 {name}`")]
    );
}

/// Testing's file with this API key.
fn keyed(value: &str) -> String {
    format!("TERRA_DEV_ID=acme-testing-0000000000\nTERRA_API_KEY='{value}'\n")
}

#[cfg(unix)]
#[test]
fn a_secret_may_come_from_a_command() {
    let text = keyed("command:printf \"%s\\n\" test-key-not-a-secret")
        + "TERRA_SIGNING_SECRET='command:echo signing not-a-secret'\n";
    let credentials = load(&[(".env.terra.testing", &text)], &[(TRUSTED_FILES, &digest(&text))]).unwrap();
    assert_eq!(credentials.api_key.expose(), "test-key-not-a-secret");
    assert_eq!(credentials.signing_secret.unwrap().expose(), "signing not-a-secret");
    let process = [PAIR[0], ("TERRA_API_KEY", "command:echo process-key-not-a-secret")];
    assert_eq!(load(&[], &process).unwrap().api_key.expose(), "process-key-not-a-secret");
}

#[cfg(unix)]
#[test]
fn a_command_without_a_value_is_an_error() {
    let told = |value: &str| {
        let dir = dir(&[(".env.terra.testing", &keyed(value))]);
        let error = load_from(dir.path(), &[(TRUSTED_FILES, &digest(&keyed(value)))]).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(error.to_string().ends_with(".env.terra.testing:2: TERRA_API_KEY could not be read"), "{error}");
        assert!(!format!("{error:?} {cause}").contains("not-a-secret"));
        cause
    };
    assert_eq!(told("command:no-such-program --token not-a-secret"), "could not run no-such-program");
    assert_eq!(told("command:false not-a-secret"), "false failed (exit code 1); run it manually to see why");
    assert_eq!(told("command:"), "the reference names no command; close every quote");
    assert!(told("keyring:terra-auth").starts_with("the reference must be keyring:terra-auth/NAME"));
    let two_words = keyed("command:echo two words");
    let invalid = refusal(&[(".env.terra.testing", &two_words)], &[(TRUSTED_FILES, &digest(&two_words))]);
    assert_eq!(invalid, ".env.terra.testing:2: TERRA_API_KEY must be visible ASCII characters");
}

/// Returns the SHA-256 of a file's text.
fn digest(text: &str) -> String {
    FileDigest::of(text.as_bytes()).to_string()
}

/// A credential file with a command that creates a file when it runs, and the folder for the user's state.
#[cfg(unix)]
struct Planted {
    dir: TempDir,
    state: TempDir,
}

#[cfg(unix)]
impl Planted {
    fn new() -> Self {
        let planted = Self { dir: dir(&[]), state: tempfile::tempdir().unwrap() };
        planted.write(&planted.text());
        planted
    }

    fn text(&self) -> String {
        keyed(&format!("command:touch {}", self.trace().display()))
    }

    fn write(&self, text: &str) {
        fs::write(self.file(), text).unwrap();
        set_mode(&self.file(), 0o600);
    }

    fn file(&self) -> std::path::PathBuf {
        self.dir.path().join(".env.terra.testing")
    }

    fn trace(&self) -> std::path::PathBuf {
        self.dir.path().join("ran")
    }

    fn vars(&self) -> [(&str, &str); 1] {
        [("XDG_STATE_HOME", self.state.path().to_str().unwrap())]
    }

    fn store(&self) -> TrustStore {
        let state = self.state.path().display().to_string();
        TrustStore::of(&|name| (name == "XDG_STATE_HOME").then(|| state.clone()))
    }

    fn trust(&self, text: &str) {
        self.store().add(&self.file(), &FileDigest::of(text.as_bytes())).unwrap();
    }

    /// Returns the error of loading, and whether the program ran.
    fn load(&self) -> (String, bool) {
        let _ = fs::remove_file(self.trace());
        // The program prints no key, so loading fails even if the program may run.
        let error = load_from(self.dir.path(), &self.vars()).unwrap_err().to_string();
        (error, self.trace().exists())
    }
}

#[cfg(unix)]
#[test]
fn a_command_runs_only_if_the_user_trusts_the_current_file() {
    let planted = Planted::new();
    let (error, ran) = planted.load();
    assert!(
        !ran && error.contains("but the file is not trusted; review the file, then run `terra-auth env trust "),
        "{error}"
    );

    planted.trust(&planted.text());
    assert!(planted.load().1);

    planted.write(&(planted.text() + "# and a line more\n"));
    let (error, ran) = planted.load();
    assert!(!ran && error.contains("but the file has changed since it was trusted"), "{error}");

    planted.write(&planted.text());
    assert!(planted.load().1);
    planted.store().remove(&planted.file()).unwrap();
    assert!(!planted.load().1);
}

#[cfg(unix)]
#[test]
fn trust_is_for_one_path() {
    let (trusted, other) = (Planted::new(), Planted::new());
    trusted.trust(&trusted.text());
    other.write(&trusted.text());
    let vars = trusted.vars();
    let error = load_from(other.dir.path(), &vars).unwrap_err().to_string();
    assert!(error.contains("is not trusted") && !trusted.trace().exists(), "{error}");

    // A link to the trusted file is that file.
    fs::remove_file(other.file()).unwrap();
    std::os::unix::fs::symlink(trusted.file(), other.file()).unwrap();
    let _ = load_from(other.dir.path(), &vars);
    assert!(trusted.trace().exists());
}

#[cfg(unix)]
#[test]
fn a_trusted_file_that_others_could_read_or_replace_runs_no_command() {
    let planted = Planted::new();
    planted.trust(&planted.text());
    for mode in [0o644, 0o604, 0o666, 0o606, 0o602] {
        set_mode(&planted.file(), mode);
        let (error, ran) = planted.load();
        assert!(!ran && error.contains("other users of this machine can") && error.contains("run `chmod "), "{error}");
    }
    set_mode(&planted.file(), 0o600);
    set_mode(planted.dir.path(), 0o777);
    let (error, ran) = planted.load();
    assert!(!ran && error.contains("other users of this machine can change"), "{error}");
    set_mode(planted.dir.path(), 0o1777);
    assert!(planted.load().1, "other users cannot replace a file in a sticky folder");
}

/// Only root can give a file to another user.
#[cfg(target_os = "linux")]
#[test]
fn a_trusted_file_of_another_user_runs_no_command() {
    let planted = Planted::new();
    planted.trust(&planted.text());
    if std::os::unix::fs::chown(planted.file(), Some(65_534), None).is_err() {
        return;
    }
    let (error, ran) = planted.load();
    assert!(!ran && error.contains("belongs to another user (uid 65534)"), "{error}");
}

#[cfg(unix)]
#[test]
fn records_that_others_could_have_written_are_ignored() {
    let planted = Planted::new();
    planted.trust(&planted.text());
    set_mode(&planted.state.path().join("terra-auth"), 0o777);
    assert!(!planted.load().1);
    set_mode(&planted.state.path().join("terra-auth"), 0o700);
    assert!(planted.load().1);
}

#[test]
fn a_file_can_be_trusted_by_its_digest() {
    let text = keyed("command:echo test-key-not-a-secret");
    let files = [(".env.terra.testing", &*text)];
    let both = format!(" {},{}", digest("another"), digest(&text).to_uppercase());
    assert!(load(&files, &[(TRUSTED_FILES, &both)]).is_ok() || cfg!(not(unix)));
    assert!(load(&files, &[(TRUSTED_FILES, &digest("another"))]).is_err());
}

#[test]
fn a_source_says_whether_it_is_trusted() {
    let dir = dir(&[(".env.terra.testing", TESTING)]);
    let trust = |vars: &[(&str, &str)]| {
        let get = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        UnresolvedCredentials::find(Environment::Testing, dir.path(), &get).unwrap().trust()
    };
    assert_eq!(trust(&[]), Trust::Unknown);
    assert_eq!(trust(&[(TRUSTED_FILES, &digest(TESTING))]), Trust::Trusted);
    assert_eq!(trust(&PAIR), Trust::Trusted);
}

#[test]
fn no_variable_of_the_process_is_expanded_in_a_value() {
    for value in ["$PATH", "'a'$PATH", "'a'\"${PATH}\"", "\"'${PATH}'\""] {
        for key in ["TERRA_DEV_ID", "TERRA_API_URL", "export TERRA_API_KEY"] {
            let text = format!("{key}={value}\n");
            let told = refusal(&[(".env.terra.testing", &text)], &[]);
            assert!(told.starts_with(".env.terra.testing:1: has a `$`"), "{text}: {told}");
        }
    }
}

#[test]
fn a_reference_of_two_environments_is_rejected() {
    let staging = keyed("command:false").replace("testing", "staging");
    let files = [(".env.terra.testing", &*keyed("command:false")), (".env.terra.staging", &*staging)];
    assert!(refusal(&files, &[]).contains("TERRA_API_KEY from .env.terra.testing:2 is also in staging's file"));
}

#[cfg(not(feature = "keyring"))]
#[test]
fn without_the_feature_the_keyring_is_not_used() {
    let dir = dir(&[(".env.terra.testing", &keyed("keyring:terra-auth/acme/api-key"))]);
    let text = keyed("keyring:terra-auth/acme/api-key");
    let error = load_from(dir.path(), &[(TRUSTED_FILES, &digest(&text))]).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("built without keyring support"), "{cause}");
}

#[test]
fn the_text_of_a_source_is_read_without_resolving_references() {
    let dir = dir(&[(".env.terra.testing", &keyed("command:no-such-program"))]);
    let written = UnresolvedCredentials::find(Environment::Testing, dir.path(), &|_| None).unwrap();
    assert_eq!(written.text("TERRA_API_KEY"), Some("command:no-such-program"));
    assert_eq!(written.text("TERRA_API_URL"), None);
    assert!(written.location("TERRA_API_KEY").to_string().ends_with(".env.terra.testing:2"));
    assert!(!format!("{written:?}").contains("no-such-program"));
    assert!(written.resolve().is_err());
}
