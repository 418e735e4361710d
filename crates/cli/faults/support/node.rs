//! A `terra-auth` process that can be killed, paused and started again in the same folder.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use terra_auth::Environment;
use tokio::time::sleep;

use super::{api::Api, free_address};

/// How long a start may take on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// The master key that all nodes on a PostgreSQL database share.
const MASTER_KEY: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

/// How to start a server.
#[derive(Clone)]
pub(crate) struct ServerSpec {
    folder: Arc<TempDir>,
    pub(crate) address: SocketAddr,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
}

impl ServerSpec {
    /// A command with these arguments, in a new folder, on a free port.
    pub(crate) fn new(arguments: &str) -> Self {
        Self {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            address: free_address(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            variables: Vec::new(),
        }
    }

    /// `serve` with the practice provider and an environment `production`.
    pub(crate) fn serve() -> Self {
        Self::new("serve --sandbox --allow-private-addresses --create-environment production")
    }

    /// The same server on PostgreSQL.
    #[must_use]
    pub(crate) fn on_store(self, store: &str) -> Self {
        self.with("TERRA_AUTH_STORE", store).with("TERRA_AUTH_MASTER_KEY", MASTER_KEY)
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    #[must_use]
    pub(crate) fn with_arguments(mut self, arguments: &str) -> Self {
        self.arguments.extend(arguments.split_whitespace().map(str::to_owned));
        self
    }

    /// The same server on another port.
    pub(crate) fn on_another_port(&self) -> Self {
        Self { address: free_address(), ..self.clone() }
    }

    /// Another command in the same folder, on another port.
    pub(crate) fn in_same_folder(&self, arguments: &str) -> Self {
        Self { folder: Arc::clone(&self.folder), variables: self.variables.clone(), ..Self::new(arguments) }
    }

    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(file)
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// An API client with the keys that the server wrote.
    pub(crate) fn api(&self, environment: Environment) -> Api {
        let text = fs::read_to_string(self.path(&format!(".env.terra.{environment}"))).unwrap();
        let value = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            found.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
        };
        Api {
            origin: self.origin(),
            dev_id: value("TERRA_DEV_ID"),
            key: value("TERRA_API_KEY"),
            signing_secret: value("TERRA_SIGNING_SECRET"),
            folder: self.folder.path().to_owned(),
            environment,
        }
    }

    /// Another command in the same folder, with the same variables.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments.split_whitespace()).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.folder.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
        command
    }

    /// Starts the server without waiting.
    pub(crate) fn spawn(&self) -> anyhow::Result<Node> {
        static STARTS: AtomicU32 = AtomicU32::new(0);
        let log = self.path(&format!("log-{}", STARTS.fetch_add(1, Ordering::Relaxed)));
        let mut command = self.command(&self.arguments.join(" "));
        command.args(["--output", "json", "--listen", &self.address.to_string()]);
        command.stdout(File::create(&log)?).stderr(File::create(log.with_extension("err"))?);
        Ok(Node { child: command.spawn()?, log, began: Instant::now(), took: Duration::ZERO })
    }

    /// Starts the server and waits until it is ready.
    ///
    /// # Errors
    ///
    /// The server exited, or was not ready in time. The error contains its output.
    pub(crate) async fn start(&self) -> anyhow::Result<Node> {
        let mut node = self.spawn()?;
        node.ready().await?;
        Ok(node)
    }
}

/// The binary that Cargo built for this run, unless `TERRA_AUTH_FAULTS_BINARY` names another one,
/// such as a release build.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("TERRA_AUTH_FAULTS_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_terra-auth").into()).into()
}

/// A running server. It is killed when dropped.
pub(crate) struct Node {
    child: Child,
    log: PathBuf,
    began: Instant,
    /// The time from its start until it was ready.
    pub(crate) took: Duration,
}

impl Node {
    pub(crate) async fn ready(&mut self) -> anyhow::Result<()> {
        while !read(&self.log).contains("\"ready\":true") {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server exited with {status}: {}", self.output_tail());
            }
            if self.began.elapsed() > START_TIMEOUT {
                bail!("the server was not ready within {START_TIMEOUT:?}: {}", self.output_tail());
            }
            sleep(Duration::from_millis(5)).await;
        }
        self.took = self.began.elapsed();
        Ok(())
    }

    pub(crate) fn stderr(&self) -> String {
        read(&self.log.with_extension("err"))
    }

    fn output_tail(&self) -> String {
        let text = read(&self.log) + &self.stderr();
        text.chars().rev().take(600).collect::<Vec<_>>().into_iter().rev().collect()
    }

    /// The admin token that the first start prints.
    pub(crate) fn admin_token(&self) -> anyhow::Result<String> {
        let text = self.stderr();
        let mut words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.find(|word| word.starts_with("ta_admin_")).map(str::to_owned).context("no admin token was shown")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        // The process may have exited.
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }

    /// Kills the server with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.kill_and_wait();
    }

    /// Sends SIGTERM and waits; returns the exit code.
    pub(crate) async fn end(mut self) -> Option<i32> {
        self.signal(Signal::TERM);
        for _ in 0..3000 {
            if let Ok(Some(status)) = self.child.try_wait() {
                return status.code();
            }
            sleep(Duration::from_millis(10)).await;
        }
        None
    }

    fn kill_and_wait(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill_and_wait();
    }
}

fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}
