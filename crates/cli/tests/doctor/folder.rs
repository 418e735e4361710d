use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// What looks like a key and was drawn by nobody; another one for each `n`.
pub(crate) fn drawn(n: u32) -> String {
    let digit = |at: u32| (at + 97 * n).wrapping_mul(2_654_435_761) >> 28;
    (1..=32).map(|at| char::from_digit(digit(at), 16).unwrap()).collect()
}

/// The environments' own keys, all different.
pub(crate) const ENVIRONMENTS: [&str; 3] = ["testing", "staging", "production"];

/// A folder to run the command in, without any keys in the process environment.
pub(crate) struct Folder {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// A repository that ignores credential files, with the keys of testing.
    pub(crate) fn project(api_url: &str) -> Self {
        let folder = Self::new();
        folder.git("init --quiet");
        folder.write(".gitignore", ".env.terra.*\n");
        folder.keys("testing", api_url);
        folder.commit();
        folder
    }

    /// The same where nobody is asked.
    pub(crate) fn offline() -> Self {
        Self::project("http://127.0.0.1:9/v2")
    }

    /// The credential file of an environment.
    pub(crate) fn keys(&self, environment: &str, api_url: &str) {
        let n = u32::try_from(ENVIRONMENTS.iter().position(|name| *name == environment).unwrap()).unwrap();
        let (key, secret) = (drawn(2 * n), drawn(2 * n + 1));
        let keys = format!("TERRA_DEV_ID=acme-{n}\nTERRA_API_KEY={key}\nTERRA_SIGNING_SECRET={secret}\n");
        self.secret(&format!(".env.terra.{environment}"), &format!("{keys}TERRA_API_URL={api_url}\n"));
    }

    /// The value of a variable in a credential file.
    pub(crate) fn value(&self, environment: &str, name: &str) -> String {
        let text = fs::read_to_string(self.path(&format!(".env.terra.{environment}"))).unwrap();
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap().to_owned()
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Writes a file that only its owner can open.
    pub(crate) fn secret(&self, file: &str, text: &str) {
        self.write(file, text);
        self.mode(file, 0o600);
    }

    pub(crate) fn mode(&self, file: &str, mode: u32) {
        fs::set_permissions(self.path(file), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(crate) fn replace(&self, environment: &str, old: &str, new: &str) {
        let file = format!(".env.terra.{environment}");
        let text = fs::read_to_string(self.path(&file)).unwrap();
        assert!(text.contains(old), "{text}");
        self.secret(&file, &text.replace(old, new));
    }

    pub(crate) fn git(&self, arguments: &str) {
        let words = format!("-c user.name=a -c user.email=a@example.com {arguments}");
        let answer = Answer::of(self.command("git").args(words.split_whitespace()));
        assert_eq!(answer.code, 0, "{answer}");
    }

    pub(crate) fn commit(&self) {
        self.git("add --all");
        self.git("commit --quiet --message changes");
    }

    /// Runs `terra-auth doctor` with the words of `arguments`.
    pub(crate) fn doctor(&self, arguments: &str) -> Answer {
        Answer::of(&mut self.terra_auth(&format!("doctor {arguments}")))
    }

    /// `terra-auth` with the words of `arguments`, not started yet.
    pub(crate) fn terra_auth(&self, arguments: &str) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_terra-auth"));
        command.args(arguments.split_whitespace());
        command
    }

    /// What a check finds: severity, place and reason, one finding a line.
    pub(crate) fn findings(&self, check: &str, arguments: &str) -> String {
        let found = self.report(arguments)["findings"].as_array().unwrap().clone();
        let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
        let line = |finding: &Value| {
            assert!(!text(finding, "remedy").is_empty());
            let [severity, place, reason] = ["severity", "where", "reason"].map(|field| text(finding, field));
            format!("{severity} {place}: {reason}")
        };
        let found = found.iter().filter(|finding| finding["check"] == check);
        found.map(line).collect::<Vec<_>>().join("\n")
    }

    pub(crate) fn report(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.doctor(&format!("{arguments} --output json")).stdout).unwrap()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.dir.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// What a command wrote, and its exit code.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "exit {code}\n{stdout}{}{stderr}", if stderr.is_empty() { "" } else { "--- stderr\n" })
    }
}
