use std::{
    env,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio, id},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use url::Url;

/// A PostgreSQL server for the tests of one process.
///
/// It is the machine's PostgreSQL with a temporary data folder, or the server at the URL in `TERRA_AUTH_TEST_POSTGRES`, whose
/// user must be allowed to create databases.
pub struct Postgres {
    url: Url,
    bin: PathBuf,
    /// Stops the server when our end of its pipe closes, also after a crash of this process.
    _guardian: Option<Child>,
}

/// A database, empty at first. Dropping it deletes it.
pub struct Database {
    server: &'static Postgres,
    name: String,
}

/// `$1` is the folder of the programs. The last line runs when the tests are over.
const GUARDIAN: &str = r#"
    trap '' INT TERM HUP
    dir=$(mktemp -d /tmp/terra-auth-pg.XXXXXX) && cd "$dir" || exit 1
    stop() { "$1/pg_ctl" -D data -m immediate stop >>log 2>&1; cd /; rm -rf "$dir"; }
    "$1/initdb" -D data -U postgres -A trust -E UTF8 --no-sync >log 2>&1 &&
    "$1/pg_ctl" -D data -l log -w -o "-F -k $dir -h '' -c max_connections=200" start >>log 2>&1 ||
        { cat log >&2; stop "$1"; exit 1; }
    echo "$dir"
    read -r _
    stop "$1"
"#;

pub(crate) const MISSING: &str = "PostgreSQL is not installed, and its tests are not skipped: \
    run `apt-get install postgresql`, or set TERRA_AUTH_TEST_POSTGRES to the URL of a server";

impl Postgres {
    /// The server. The first call starts it.
    ///
    /// # Panics
    ///
    /// PostgreSQL is not installed, or does not start.
    pub fn start() -> &'static Self {
        static SERVER: OnceLock<Postgres> = OnceLock::new();
        SERVER.get_or_init(|| {
            let bin = programs().expect(MISSING);
            match env::var("TERRA_AUTH_TEST_POSTGRES") {
                Ok(url) => Self { url: url.parse().expect("TERRA_AUTH_TEST_POSTGRES is a URL"), bin, _guardian: None },
                Err(_) => Self::start_private(bin),
            }
        })
    }

    fn start_private(bin: PathBuf) -> Self {
        let mut guardian = unprivileged_shell()
            .args(["-c", GUARDIAN, "guardian"])
            .arg(&bin)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell starts");
        let mut folder = String::new();
        let output = guardian.stdout.take().expect("the shell has an output");
        BufReader::new(output).read_line(&mut folder).expect("the shell's output can be read");
        assert!(!folder.is_empty(), "PostgreSQL did not start");
        let url = format!("postgres:///postgres?user=postgres&host={}", folder.trim_end());
        Self { url: url.parse().expect("a socket's address is a URL"), bin, _guardian: Some(guardian) }
    }

    /// Creates an empty database.
    ///
    /// # Panics
    ///
    /// The server rejects it.
    pub fn database(&'static self) -> Database {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("terra_auth_{}_{}", id(), COUNT.fetch_add(1, Ordering::Relaxed));
        self.run(&format!("CREATE DATABASE {name}"));
        Database { server: self, name }
    }

    fn run(&self, sql: &str) {
        let mut psql = Command::new(self.bin.join("psql"));
        let output = psql.arg(self.url.as_str()).args(["--no-psqlrc", "-qc", sql]).output().expect(MISSING);
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Database {
    /// The URL of the database.
    #[must_use]
    pub fn url(&self) -> String {
        let mut url = self.server.url.clone();
        url.set_path(&self.name);
        url.into()
    }

    /// Its content, as a script.
    ///
    /// # Panics
    ///
    /// It could not be read.
    #[must_use]
    pub fn dump(&self) -> String {
        let output = Command::new(self.server.bin.join("pg_dump")).arg(self.url()).output().expect(MISSING);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("the dump is text");
        // Newer versions write a random word on two lines.
        let lines = text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Database {
    /// Deletes its content.
    ///
    /// # Panics
    ///
    /// The server rejects it.
    pub fn empty(&self) {
        let mut psql = Command::new(self.server.bin.join("psql"));
        let psql =
            psql.arg(self.url()).args(["--no-psqlrc", "-qc", "DROP SCHEMA public CASCADE; CREATE SCHEMA public"]);
        let output = psql.output().expect(MISSING);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Writes its content to a file for `pg_restore`.
    ///
    /// # Panics
    ///
    /// It could not be read.
    pub fn dump_to(&self, file: &Path) {
        let mut dump = Command::new(self.server.bin.join("pg_dump"));
        let output = dump.args(["--format=custom", "--file"]).arg(file).arg(self.url()).output().expect(MISSING);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Restores such a file atomically.
    ///
    /// # Panics
    ///
    /// It could not be restored.
    pub fn restore_from(&self, file: &Path) {
        let mut restore = Command::new(self.server.bin.join("pg_restore"));
        let restore = restore.args(["--single-transaction", "--exit-on-error", "--no-owner", "--dbname"]);
        let output = restore.arg(self.url()).arg(file).output().expect(MISSING);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        self.server.run(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// The folder with `initdb`: Debian's, or one of the `PATH`.
pub(crate) fn programs() -> Option<PathBuf> {
    let versions = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    debian.chain(env::split_paths(&path)).find(|folder| folder.join("initdb").exists())
}

/// A shell of a user other than root, because PostgreSQL does not run as root; and in a process group of its own, so that
/// Ctrl-C reaches the tests only.
pub(crate) fn unprivileged_shell() -> Command {
    let mut shell = if is_root() { Command::new("setpriv") } else { Command::new("sh") };
    if is_root() {
        shell.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
    }
    shell.process_group(0);
    shell
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n")
}
