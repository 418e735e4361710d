//! A PostgreSQL server that can be frozen, killed, restarted and followed by a standby.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::{free_address, is_root};

/// `$1` is the folder of the programs, `$2` the port, `$3` the primary's port or nothing. Stops the
/// server when our end of its pipe closes, which happens even if this process is killed.
const GUARDIAN: &str = r#"
    trap '' INT TERM HUP
    dir=$(mktemp -d /tmp/terra-auth-faults.XXXXXX) && cd "$dir" || exit 1
    stop() {
        "$1/pg_ctl" -D data -m immediate -t 5 stop >>log 2>&1
        [ -e data/postmaster.pid ] && kill -9 $(head -1 data/postmaster.pid) 2>>log
        cd /; rm -rf "$dir"
    }
    if [ -z "$3" ]; then
        "$1/initdb" -D data -U postgres -A trust -E UTF8 --no-sync >log 2>&1
    else
        "$1/pg_basebackup" -h 127.0.0.1 -p "$3" -U postgres -D data -R -X stream -c fast --no-sync >log 2>&1
    fi &&
    "$1/pg_ctl" -D data -l server.log -w -o "-F -p $2 -k $dir -h 127.0.0.1 -c max_connections=200" start >>log 2>&1 ||
        { cat log server.log >&2; stop "$1"; exit 1; }
    echo "$dir"
    read -r _
    stop "$1"
"#;

const MISSING: &str = "PostgreSQL is not installed: run `cargo xtask setup`";

pub(crate) struct Cluster {
    guardian: Child,
    folder: PathBuf,
    bin: PathBuf,
    port: u16,
}

impl Cluster {
    pub(crate) fn start() -> anyhow::Result<Self> {
        Self::start_as("")
    }

    /// Starts a standby of this server. From now on, a COMMIT waits for the standby.
    pub(crate) fn standby(&self) -> anyhow::Result<Self> {
        let standby = Self::start_as(&self.port.to_string())?;
        self.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'")?;
        self.sql("postgres", "SELECT pg_reload_conf()")?;
        Ok(standby)
    }

    fn start_as(primary: &str) -> anyhow::Result<Self> {
        let bin = programs().context(MISSING)?;
        let port = free_address().port();
        let mut guardian = unprivileged("sh")
            .args(["-c", GUARDIAN, "guardian"])
            .args([bin.as_os_str(), port.to_string().as_ref(), primary.as_ref()])
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut folder = String::new();
        BufReader::new(guardian.stdout.take().context("no output")?).read_line(&mut folder)?;
        ensure!(!folder.is_empty(), "PostgreSQL did not start");
        Ok(Self { guardian, folder: folder.trim_end().into(), bin, port })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub(crate) fn url(&self) -> String {
        self.url_at(self.address())
    }

    /// The URL of the database through a proxy at `address`.
    #[expect(clippy::unused_self, reason = "the URL belongs to this database")]
    pub(crate) fn url_at(&self, address: SocketAddr) -> String {
        format!("postgres://postgres@{address}/postgres")
    }

    /// Creates a database; returns its URL.
    pub(crate) fn database(&self, name: &str) -> anyhow::Result<String> {
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(format!("postgres://postgres@{}/{name}", self.address()))
    }

    pub(crate) fn sql(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "postgres", "-d", database]);
        let output = psql.args(["--no-psqlrc", "-qAt", "-c", sql]).env("PGCONNECT_TIMEOUT", "5").output()?;
        ensure!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    pub(crate) fn count(&self, database: &str, sql: &str) -> anyhow::Result<u64> {
        Ok(self.sql(database, sql)?.parse()?)
    }

    /// Promotes a standby to the primary.
    pub(crate) fn promote(&self) -> anyhow::Result<()> {
        self.sql("postgres", "SELECT pg_promote(true, 30)").map(drop)
    }

    /// Sends a signal to the server and to all of its processes.
    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        let postmaster: i32 = file.lines().next().context("no pid")?.parse()?;
        for pid in children_of(postmaster).into_iter().chain([postmaster]) {
            // A backend may have exited already.
            let _ = Pid::from_raw(pid).map(|pid| kill_process(pid, signal));
        }
        Ok(())
    }

    /// Restarts the server immediately, which closes every connection.
    pub(crate) fn restart(&self) -> anyhow::Result<()> {
        let mut command = unprivileged(self.bin.join("pg_ctl").to_str().context("not text")?);
        command.args(["-D", "data", "-m", "immediate", "-w", "-l", "server.log", "restart"]);
        let status = command.current_dir(&self.folder).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        ensure!(status.success(), "PostgreSQL did not restart");
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A frozen process cannot stop.
        let _ = self.signal(Signal::CONT);
        drop(self.guardian.stdin.take());
        let _ = self.guardian.wait();
    }
}

fn children_of(parent: i32) -> Vec<i32> {
    let processes = Path::new("/proc").read_dir().into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let parent_of = |pid: i32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<i32>().ok()
    };
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// The folder with `initdb`: Debian's, or one in the `PATH`.
fn programs() -> Option<PathBuf> {
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    debian.chain(std::env::split_paths(&path)).find(|folder| folder.join("initdb").exists())
}

/// A command that runs as an unprivileged user, because PostgreSQL and `PgBouncer` refuse to run as root.
pub(crate) fn unprivileged(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", program]);
    command
}
