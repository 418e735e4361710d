use std::{
    fmt,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;
use terra_auth::{Client, Credentials, Environment, UserId};

use super::server::Server;

/// A folder to run the command in, without any keys in the process environment.
pub(crate) struct Folder {
    dir: TempDir,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Writes a file that only its owner can open.
    pub(crate) fn write(&self, file: &str, text: &str) {
        fs::write(self.path(file), text).unwrap();
        fs::set_permissions(self.path(file), Permissions::from_mode(0o600)).unwrap();
    }

    /// The same for a credential file, which its user then trusts.
    pub(crate) fn write_trusted(&self, file: &str, text: &str) {
        self.write(file, text);
        let answer = self.run(&format!("env trust {file}"));
        assert_eq!(answer.code, 0, "{answer}");
    }

    /// `terra-auth` with the words of `arguments`, not started yet.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_terra-auth"));
        command.args(arguments.split_whitespace()).current_dir(self.dir.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.dir.path());
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command that ends by itself.
    pub(crate) fn run(&self, arguments: &str) -> Answer {
        Answer::of(&mut self.command(arguments))
    }

    /// What a command answers as JSON, which must work.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        let answer = self.run(&format!("{arguments} --output json"));
        assert_eq!((answer.code, &*answer.stderr), (0, ""), "{arguments}: {answer}");
        serde_json::from_str(&answer.stdout).unwrap()
    }

    /// Connects the account `demo` by the widget's pages.
    pub(crate) fn connect(&self, provider: &str, reference_id: &str) -> UserId {
        let answer = self.json(&format!("sandbox connect --provider {provider} --reference-id {reference_id}"));
        answer["user_id"].as_str().unwrap().parse().unwrap()
    }

    /// `terra-auth dev` on a free port, ready.
    pub(crate) fn dev(&self, arguments: &str) -> Server {
        Server::start(&mut self.command(&format!("dev --listen 127.0.0.1:0 --output json {arguments}")))
    }

    pub(crate) fn credentials(&self, environment: Environment) -> Credentials {
        Credentials::load_from(environment, self.dir.path(), &|_| None).unwrap()
    }

    /// A client with the keys that `dev` wrote.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.credentials(Environment::Testing)).unwrap()
    }

    /// The value of a variable in the file that `dev` wrote.
    pub(crate) fn key(&self, name: &str) -> String {
        value_in(&self.path(".env.terra.testing"), name)
    }
}

/// The value of a variable in a credential file.
pub(crate) fn value_in(file: &Path, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("{} has no {name}", file.display())).to_owned()
}

/// What a command wrote, and its exit code.
pub(crate) struct Answer {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn of(command: &mut Command) -> Self {
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
