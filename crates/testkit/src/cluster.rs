//! A PostgreSQL primary with a synchronous standby, and `PgBouncer`: real processes that stop when dropped.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use url::Url;

use crate::postgres::{MISSING, programs, unprivileged_shell};

/// Two PostgreSQL servers, the second a synchronous standby of the first. Commits of the first wait for the second.
pub struct Pair {
    folder: PathBuf,
    bin: PathBuf,
    ports: [u16; 2],
    _guardian: Guardian,
}

/// `PgBouncer` in front of a server.
pub struct PgBouncer {
    port: u16,
    user: String,
    database: String,
    _guardian: Guardian,
}

/// The pool mode of `PgBouncer`.
#[derive(Clone, Copy, Debug)]
pub enum PoolMode {
    /// A server connection belongs to a client for one transaction.
    Transaction,
    /// A server connection belongs to a client until it disconnects.
    Session,
    /// A server connection belongs to a client for one statement. No transaction is possible.
    Statement,
}

/// A shell that cleans up when the test ends, also after a crash.
struct Guardian(Child);

/// `$1` is the folder of the programs, `$2` and `$3` are the ports.
const PAIR: &str = r#"
    "$1/initdb" -D one -U postgres -A trust -E UTF8 --no-sync >log 2>&1 &&
    "$1/pg_ctl" -D one -l log.one -w -o "-F -k $dir -h 127.0.0.1 -p $2 -c max_connections=200" start >>log 2>&1 &&
    "$1/pg_basebackup" -D two -R -X stream -c fast -N -d "host=127.0.0.1 port=$2 user=postgres" >>log 2>&1 &&
    "$1/pg_ctl" -D two -l log.two -w -o "-F -k $dir -h 127.0.0.1 -p $3 -c max_connections=200" start >>log 2>&1 &&
    "$1/psql" -h 127.0.0.1 -p "$2" -U postgres -qc "ALTER SYSTEM SET synchronous_standby_names = '*'" \
        -c 'SELECT pg_reload_conf()' >>log 2>&1 ||
        { cat log log.* >&2; stop; exit 1; }
"#;

/// `$1` is the configuration.
const BOUNCER: &str = r#"
    printf '%s\n' "$1" >pgbouncer.ini
    PATH=$PATH:/usr/sbin pgbouncer -q pgbouncer.ini >log 2>&1 &
"#;

/// The frame of a script: creates a folder, and kills every process that works in it afterwards.
const FIRST: &str = r#"
    trap '' INT TERM HUP
    dir=$(mktemp -d /tmp/terra-auth-cluster.XXXXXX) && cd "$dir" || exit 1
    stop() {
        cd /
        for process in /proc/[0-9]*; do
            case $(readlink "$process/cwd" 2>/dev/null) in "$dir"*) kill -KILL "${process#/proc/}" 2>/dev/null ;; esac
        done
        rm -rf "$dir"
    }
"#;
const LAST: &str = r#"
    cd /
    echo "$dir"
    read -r _
    stop
"#;

const START: Duration = Duration::from_secs(20);

impl Guardian {
    /// Runs a script in a new folder and waits until it has started all servers.
    fn start(script: &str, arguments: &[&str]) -> (Self, PathBuf) {
        let script = [FIRST, script, LAST].concat();
        let mut shell = unprivileged_shell();
        shell.args(["-c", &script, "guardian"]).args(arguments).current_dir("/");
        let mut child = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell starts");
        let mut folder = String::new();
        let output = child.stdout.take().expect("the shell has an output");
        BufReader::new(output).read_line(&mut folder).expect("the shell's output can be read");
        assert!(!folder.is_empty(), "the servers did not start");
        (Self(child), folder.trim_end().into())
    }
}

impl Drop for Guardian {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

impl Pair {
    /// Starts both, and waits until the standby is synchronous.
    ///
    /// # Panics
    ///
    /// PostgreSQL is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        let bin = programs().expect(MISSING);
        let ports = [free_port(), free_port()];
        let [one, two] = ports.map(|port| port.to_string());
        let (guardian, folder) = Guardian::start(PAIR, &[bin.to_str().unwrap(), &one, &two]);
        let pair = Self { folder, bin, ports, _guardian: guardian };
        let start = Instant::now();
        while pair.ask(0, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") != "1" {
            assert!(start.elapsed() < START, "the standby does not follow");
            sleep(Duration::from_millis(50));
        }
        pair
    }

    /// One URL with both servers, the first primary first.
    #[must_use]
    pub fn url(&self) -> String {
        let [one, two] = self.ports;
        format!("postgres://postgres@127.0.0.1:{one},127.0.0.1:{two}/postgres")
    }

    /// The URL with the standby first.
    #[must_use]
    pub fn url_standby_first(&self) -> String {
        let [one, two] = self.ports;
        format!("postgres://postgres@127.0.0.1:{two},127.0.0.1:{one}/postgres")
    }

    /// The ports of the two servers, the first primary first.
    #[must_use]
    pub const fn ports(&self) -> [u16; 2] {
        self.ports
    }

    /// Kills the first primary at once (SIGKILL): its connections are closed by the kernel.
    pub fn kill_primary(&self) {
        self.signal("one", "-KILL");
    }

    /// Freezes the first primary (SIGSTOP): its connections stay open and are silent.
    pub fn freeze_primary(&self) {
        self.signal("one", "-STOP");
    }

    /// Continues the first primary.
    pub fn resume_primary(&self) {
        self.signal("one", "-CONT");
    }

    /// Freezes the standby: commits of the primary wait for it.
    pub fn freeze_standby(&self) {
        self.signal("two", "-STOP");
    }

    /// Continues the standby.
    pub fn resume_standby(&self) {
        self.signal("two", "-CONT");
    }

    /// Makes the standby the primary; returns once it accepts writes.
    pub fn promote(&self) {
        let promoted = Command::new(self.bin.join("psql"))
            .args(psql_arguments(self.ports[1]))
            .arg("SELECT pg_promote(true, 60)")
            .output()
            .expect(MISSING);
        assert!(promoted.status.success(), "{}", String::from_utf8_lossy(&promoted.stderr));
    }

    /// Queries one value of the server `which` (0 or 1).
    #[must_use]
    pub fn ask(&self, which: usize, sql: &str) -> String {
        let mut psql = Command::new(self.bin.join("psql"));
        let output = psql.args(psql_arguments(self.ports[which])).arg(sql).output().expect(MISSING);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn signal(&self, folder: &str, signal: &str) {
        let processes = working_in(&self.folder.join(folder));
        assert!(!processes.is_empty(), "the server does not run");
        drop(Command::new("kill").arg(signal).args(processes).status());
    }
}

impl PoolMode {
    const fn name(self) -> &'static str {
        match self {
            Self::Transaction => "transaction",
            Self::Session => "session",
            Self::Statement => "statement",
        }
    }
}

impl PgBouncer {
    /// Starts it for the server and database of `url`, with at most `size` connections.
    ///
    /// # Panics
    ///
    /// `PgBouncer` is not installed, or does not start.
    #[must_use]
    pub fn start(url: &str, mode: PoolMode, size: u32) -> Self {
        let url: Url = url.parse().expect("the server's address is a URL");
        let of_query = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let user = of_query("user").unwrap_or_else(|| url.username().to_owned());
        let host = of_query("host").or_else(|| url.host_str().map(str::to_owned)).expect("the server has a host");
        let database = url.path().trim_start_matches('/').to_owned();
        let (port, server_port) = (free_port(), url.port().unwrap_or(5432));
        let password = url.password().map(|password| format!("password={password}")).unwrap_or_default();
        let settings = format!(
            "[databases]\n{database} = host={host} port={server_port} user={user} {password}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = {}\ndefault_pool_size = {size}\nmax_client_conn = 500\nserver_reset_query =\n",
            mode.name()
        );
        let (guardian, _) = Guardian::start(BOUNCER, &[&settings]);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < START, "PgBouncer does not start: run `apt-get install pgbouncer`");
            sleep(Duration::from_millis(20));
        }
        Self { port, user, database, _guardian: guardian }
    }

    /// The URL for clients.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{}@127.0.0.1:{}/{}", self.user, self.port, self.database)
    }
}

fn psql_arguments(port: u16) -> [String; 8] {
    let port = port.to_string();
    ["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "--no-psqlrc", "-Atqc"].map(str::to_owned)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port is free").port()
}

/// The processes with the working folder `folder`. Every process of a PostgreSQL server has its data folder.
fn working_in(folder: &Path) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc is there").flatten();
    let working = processes.filter(|process| fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd == folder));
    working.map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}
