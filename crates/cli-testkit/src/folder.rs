//! A folder to run the command in.

use std::{
    fmt,
    fs::{self, Permissions},
    io::Write as _,
    os::{fd::OwnedFd, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};
use terra_auth::{Client, Credentials, Environment, UserId};

use crate::server::Server;

/// The command that Cargo built for this test.
pub fn command_path() -> PathBuf {
    std::env::var_os("CARGO_BIN_EXE_terra-auth").map_or_else(beside_the_test, PathBuf::from)
}

/// Cargo puts the test into `deps`, below the folder with the command.
fn beside_the_test() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let command = test.parent().unwrap().parent().unwrap().join("terra-auth");
    assert!(command.exists(), "there is no {}; build the command first", command.display());
    command
}

/// A folder to run the command in, which is also its home folder, without keys in the process environment.
pub struct Folder {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Folder {
    /// An empty folder.
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// Sets an environment variable for all commands.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// The path of a file in the folder.
    pub fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Whether a file exists.
    pub fn has(&self, file: &str) -> bool {
        self.path(file).exists()
    }

    /// The text of a file.
    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Writes a file that only its owner can open.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut new = NamedTempFile::new_in(self.dir.path()).unwrap();
        new.write_all(text.as_bytes()).unwrap();
        new.persist(path).unwrap();
    }

    /// Writes a credential file and trusts it with `env trust`.
    pub fn write_trusted(&self, file: &str, text: &str) {
        self.write(file, text);
        self.run(&format!("env trust {file}")).assert_success();
    }

    /// Sets the permissions of a file.
    pub fn mode(&self, file: &str, mode: u32) {
        fs::set_permissions(self.path(file), Permissions::from_mode(mode)).unwrap();
    }

    /// The names of all files that may contain keys.
    pub fn env_files(&self) -> Vec<String> {
        let entries = self.dir.path().read_dir().unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.starts_with(".env")).collect();
        names.sort();
        names
    }

    /// `terra-auth` with arguments that are split like in a shell, not started yet.
    pub fn command(&self, arguments: &str) -> Command {
        let mut command = self.program(command_path());
        command.args(shlex::split(arguments).unwrap());
        command
    }

    fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.dir.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command that exits by itself.
    pub fn run(&self, arguments: &str) -> CommandOutput {
        self.run_with(arguments, "")
    }

    /// Like [`Self::run`], with text on standard input.
    pub fn run_with(&self, arguments: &str, stdin: &str) -> CommandOutput {
        let mut child = self.start(arguments);
        // A command that reads nothing may have exited already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        CommandOutput::read(child.wait_with_output().unwrap())
    }

    /// Starts a command with pipes, without waiting for it.
    pub fn start(&self, arguments: &str) -> Child {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Like [`Self::start`], on these standard streams.
    pub fn start_on(&self, arguments: &str, stdin: OwnedFd, stdout: OwnedFd, stderr: OwnedFd) -> Child {
        let mut command = self.command(arguments);
        command.env("TERM", "xterm").stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap()
    }

    /// Runs a shell script in which `$TERRA_AUTH` is the command.
    pub fn shell(&self, script: &str) -> CommandOutput {
        CommandOutput::of(self.program("sh").args(["-c", script]).env("TERRA_AUTH", command_path()))
    }

    /// Runs git, which must succeed.
    pub fn git(&self, arguments: &str) {
        let words = format!("-c user.name=a -c user.email=a@example.com {arguments}");
        CommandOutput::of(self.program("git").args(words.split_whitespace())).assert_success();
    }

    /// The JSON output of a command, which must succeed and print nothing on standard error.
    pub fn json(&self, arguments: &str) -> Value {
        let output = self.run(&format!("{arguments} --output json"));
        assert_eq!((output.code, &*output.stderr), (0, ""), "{arguments}: {output}");
        output.json()
    }

    /// Connects the account `demo` through the widget's pages.
    pub fn connect(&self, provider: &str, reference_id: &str) -> UserId {
        let user = self.json(&format!("sandbox connect --provider {provider} --reference-id {reference_id}"));
        user["user_id"].as_str().unwrap().parse().unwrap()
    }

    /// Starts `terra-auth dev` on a free port, and waits until it is ready.
    pub fn dev(&self, arguments: &str) -> Server {
        Server::start(&mut self.command(&format!("dev --listen 127.0.0.1:0 --output json {arguments}")))
    }

    /// The credentials of an environment.
    pub fn credentials(&self, environment: Environment) -> Credentials {
        Credentials::load_from(environment, self.dir.path(), &|_| None).unwrap()
    }

    /// A client with the keys that `dev` wrote.
    pub fn client(&self) -> Client {
        Client::new(self.credentials(Environment::Testing)).unwrap()
    }

    /// The value of a variable in the file that `dev` wrote.
    pub fn key(&self, name: &str) -> String {
        value_in(&self.path(".env.terra.testing"), name)
    }
}

/// The value of a variable in a credential file.
pub fn value_in(file: &Path, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    value.unwrap_or_else(|| panic!("{} has no {name}", file.display())).to_owned()
}

/// The output of a command and its exit code.
pub struct CommandOutput {
    /// The exit code; -1 if a signal ended the command.
    pub code: i32,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl CommandOutput {
    /// Runs a command that exits by itself.
    pub fn of(command: &mut Command) -> Self {
        Self::read(command.output().unwrap())
    }

    /// The output of a command that has exited.
    pub fn read(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The standard output, read as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Checks that the exit code is 0.
    pub fn assert_success(&self) {
        assert_eq!(self.code, 0, "{self}");
    }
}

impl fmt::Display for CommandOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, stdout, stderr } = self;
        write!(f, "exit {code}\n{stdout}{}{stderr}", if stderr.is_empty() { "" } else { "--- stderr\n" })
    }
}
