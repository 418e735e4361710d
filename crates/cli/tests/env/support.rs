//! A folder to run the command in, and an API that knows three environments.

use std::{
    fmt, fs,
    io::Write as _,
    net::TcpListener,
    os::fd::OwnedFd,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

use axum::{
    Json, Router,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const FILE: &str = ".env.terra.testing";

/// The dev-id of an environment that the API knows.
pub(crate) fn dev_id(environment: &str) -> String {
    format!("acme-{environment}-0000000000")
}

/// And its key; it also accepts an older one, `older-` and the same.
pub(crate) fn key(environment: &str) -> String {
    format!("{environment}-key-not-a-secret")
}

/// Both keys as a file has them, the names with a prefix.
pub(crate) fn lines(environment: &str, prefix: &str) -> String {
    let (dev_id, key) = (dev_id(environment), key(environment));
    format!("{prefix}TERRA_DEV_ID={dev_id}\n{prefix}TERRA_API_KEY={key}\n")
}

/// A folder to run the command in, which is its home too, without any keys in the environment.
pub(crate) struct Folder {
    dir: TempDir,
    variables: Vec<(&'static str, String)>,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    /// With a credential file for each of these environments.
    pub(crate) fn with(environments: &[&str], url: &str) -> Self {
        let folder = Self::new();
        for environment in environments {
            let text = format!("{}TERRA_API_URL={url}\n", lines(environment, ""));
            folder.write(&format!(".env.terra.{environment}"), &text);
        }
        folder
    }

    pub(crate) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// Writes a file that only its owner can open.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let mut new = tempfile::NamedTempFile::new_in(self.dir.path()).unwrap();
        new.write_all(text.as_bytes()).unwrap();
        new.persist(self.path(file)).unwrap();
    }

    /// Writes such a file and trusts it, as its user does after a look at it.
    pub(crate) fn write_trusted(&self, file: &str, text: &str) {
        self.write(file, text);
        let answer = self.run(&format!("env trust {file}"));
        assert_eq!(answer.code, Some(0), "{answer}");
    }

    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// The names of all files that hold keys or could.
    pub(crate) fn env_files(&self) -> Vec<String> {
        let entries = self.dir.path().read_dir().unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.filter(|name| name.starts_with(".env")).collect();
        names.sort();
        names
    }

    /// Runs `terra-auth` with arguments that are split as a shell would.
    pub(crate) fn run(&self, arguments: &str) -> Answer {
        self.run_with(arguments, "")
    }

    /// The same with something on standard input.
    pub(crate) fn run_with(&self, arguments: &str, stdin: &str) -> Answer {
        let mut child = self.start(arguments);
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        Answer::of(child.wait_with_output().unwrap())
    }

    /// Starts `terra-auth` and does not wait.
    pub(crate) fn start(&self, arguments: &str) -> Child {
        let program = env!("CARGO_BIN_EXE_terra-auth");
        self.command(program).args(shlex::split(arguments).unwrap()).spawn().unwrap()
    }

    /// The same with other standard streams.
    pub(crate) fn start_on(&self, arguments: &str, stdin: OwnedFd, stdout: OwnedFd, stderr: OwnedFd) -> Child {
        let mut command = self.command(env!("CARGO_BIN_EXE_terra-auth"));
        command.args(shlex::split(arguments).unwrap()).env("TERM", "xterm");
        command.stdin(stdin).stdout(stdout).stderr(stderr).spawn().unwrap()
    }

    /// Runs a script of the shell, in which `$TERRA_AUTH` is the command.
    pub(crate) fn shell(&self, script: &str) -> Answer {
        let mut command = self.command("sh");
        command.args(["-c", script]).env("TERRA_AUTH", env!("CARGO_BIN_EXE_terra-auth")).stdin(Stdio::null());
        Answer::of(command.output().unwrap())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.dir.path()).env_clear().env("HOME", self.dir.path());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }
}

/// What a command wrote, and its exit code.
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The standard output, read as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self}"))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, stdout, stderr } = self;
        let code = code.map_or_else(|| "by a signal".to_owned(), |code| code.to_string());
        write!(f, "exit {code}\n{stdout}{}{stderr}", if stderr.is_empty() { "" } else { "--- stderr\n" })
    }
}

/// Starts an API that accepts the keys of each environment; returns its URL.
pub(crate) fn api() -> String {
    slow_api(Duration::ZERO)
}

/// The same, taking its time for each answer.
pub(crate) fn slow_api(delay: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/v2", listener.local_addr().unwrap());
    let answer = move |uri: Uri, headers: HeaderMap| async move {
        tokio::time::sleep(delay).await;
        answer(uri.path(), &headers)
    };
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, Router::new().fallback(answer)).await
        })
    });
    url
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    let given = ["dev-id", "x-api-key"].map(|name| headers.get(name).map_or("", |value| value.to_str().unwrap()));
    let known = |environment: &str| {
        let older = format!("older-{}", key(environment));
        given[0] == dev_id(environment) && [key(environment), older].iter().any(|key| key == given[1])
    };
    match path {
        "/v2/integrations/detailed" => {
            Json(json!({ "providers": [{ "provider": "FITBIT", "name": "Fitbit", "enabled": true }] })).into_response()
        }
        "/v2/subscriptions" if ["testing", "staging", "production"].iter().any(|environment| known(environment)) => {
            Json(json!({ "users": [] })).into_response()
        }
        "/v2/subscriptions" => (StatusCode::UNAUTHORIZED, Json(json!({ "detail": "unknown keys" }))).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
