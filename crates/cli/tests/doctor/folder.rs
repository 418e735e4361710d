use std::fs;

use serde_json::Value;
use terra_auth_cli_testkit::{CommandOutput, Folder};

/// A string that looks like a random key but is computed from `n`.
pub(crate) fn random_key(n: u32) -> String {
    let digit = |at: u32| (at + 97 * n).wrapping_mul(2_654_435_761) >> 28;
    (1..=32).map(|at| char::from_digit(digit(at), 16).unwrap()).collect()
}

/// The environments, each of which has its own keys.
pub(crate) const ENVIRONMENTS: [&str; 3] = ["testing", "staging", "production"];

/// A folder as the doctor examines it.
pub(crate) trait DoctorFolder: Sized {
    /// A repository that ignores credential files, with the keys of testing.
    fn project(api_url: &str) -> Self;

    /// The same with the URL of an unreachable API.
    fn offline() -> Self;

    /// Writes the credential file of an environment.
    fn keys(&self, environment: &str, api_url: &str);

    /// The value of a variable in a credential file.
    fn value(&self, environment: &str, name: &str) -> String;

    fn replace(&self, environment: &str, old: &str, new: &str);

    fn commit(&self);

    /// Runs `terra-auth doctor` with the words of `arguments`.
    fn doctor(&self, arguments: &str) -> CommandOutput;

    /// The findings of a check: severity, location and reason, one finding per line.
    fn findings(&self, check: &str, arguments: &str) -> String;

    fn report(&self, arguments: &str) -> Value;
}

impl DoctorFolder for Folder {
    fn project(api_url: &str) -> Self {
        let folder = Folder::new();
        folder.git("init --quiet");
        folder.write(".gitignore", ".env.terra.*\n");
        folder.keys("testing", api_url);
        folder.commit();
        folder
    }

    fn offline() -> Self {
        Self::project("http://127.0.0.1:9/v2")
    }

    fn keys(&self, environment: &str, api_url: &str) {
        let n = u32::try_from(ENVIRONMENTS.iter().position(|name| *name == environment).unwrap()).unwrap();
        let (key, secret) = (random_key(2 * n), random_key(2 * n + 1));
        let keys = format!("TERRA_DEV_ID=acme-{n}\nTERRA_API_KEY={key}\nTERRA_SIGNING_SECRET={secret}\n");
        self.write(&format!(".env.terra.{environment}"), &format!("{keys}TERRA_API_URL={api_url}\n"));
    }

    fn value(&self, environment: &str, name: &str) -> String {
        let text = fs::read_to_string(self.path(&format!(".env.terra.{environment}"))).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned()
    }

    fn replace(&self, environment: &str, old: &str, new: &str) {
        let file = format!(".env.terra.{environment}");
        let text = fs::read_to_string(self.path(&file)).unwrap();
        assert!(text.contains(old), "{text}");
        self.write(&file, &text.replace(old, new));
    }

    fn commit(&self) {
        self.git("add --all");
        self.git("commit --quiet --message changes");
    }

    fn doctor(&self, arguments: &str) -> CommandOutput {
        CommandOutput::of(&mut self.command(&format!("doctor {arguments}")))
    }

    fn findings(&self, check: &str, arguments: &str) -> String {
        let found = self.report(arguments)["findings"].as_array().unwrap().clone();
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
        let line = |finding: &Value| {
            assert!(!text(finding, "remedy").is_empty());
            let [severity, location, reason] = ["severity", "where", "reason"].map(|field| text(finding, field));
            format!("{severity} {location}: {reason}")
        };
        let found = found.iter().filter(|finding| finding["check"] == check);
        found.map(line).collect::<Vec<_>>().join("\n")
    }

    fn report(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.doctor(&format!("{arguments} --output json")).stdout).unwrap()
    }
}
