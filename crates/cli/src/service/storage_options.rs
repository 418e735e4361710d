//! The options for a server's store, and the master keys that decrypt it.

use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth::ownership::Access;
use terra_auth_model::keys::{MasterKey, MasterKeySource, MasterKeys};

use crate::{
    credentials::{
        guard::OwnershipCheck,
        private_file::{self, read_or_create_secret},
        variable,
    },
    failure::{CommandError, FailureKind},
};

const MASTER_KEY: &str = "TERRA_AUTH_MASTER_KEY";

const PREVIOUS_MASTER_KEYS: &str = "TERRA_AUTH_PREVIOUS_MASTER_KEYS";

/// Time limit of the command that prints the master key.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// The number of bytes that are read at most from one source of master keys.
const MAX_KEY_BYTES: u64 = 4096;

#[derive(Clone, clap::Args)]
pub(crate) struct StorageOptions {
    /// Database URL: `sqlite://path` or `postgres://…`; by default a SQLite file in the data directory
    ///
    /// Pass a URL that contains a password in `TERRA_AUTH_STORE`, not as an argument, which every
    /// process can read.
    #[arg(long, value_name = "URL", env = "TERRA_AUTH_STORE", hide_env_values = true)]
    store: Option<SecretString>,
    /// Data directory: the SQLite file and the master key, unless these are configured elsewhere
    #[arg(long, value_name = "DIR", env = "TERRA_AUTH_DATA_DIR", default_value = ".terra-auth")]
    pub(crate) data_dir: PathBuf,
    /// File with the master key, 64 hex digits; only its owner may have access
    ///
    /// During a rotation of the master key, the new key comes first and the previous ones follow,
    /// one per line. Without this option, the key is read from `TERRA_AUTH_MASTER_KEY` (previous
    /// ones from `TERRA_AUTH_PREVIOUS_MASTER_KEYS`), else from the data directory, where the first
    /// start creates one.
    #[arg(long, value_name = "FILE", env = "TERRA_AUTH_MASTER_KEY_FILE", conflicts_with = "master_key_command")]
    master_key_file: Option<PathBuf>,
    /// Command that prints the master keys (split on spaces, run without a shell)
    #[arg(long, value_name = "COMMAND", env = "TERRA_AUTH_MASTER_KEY_COMMAND")]
    master_key_command: Option<String>,
}

impl StorageOptions {
    pub(crate) fn store(&self) -> SecretString {
        let file = || format!("sqlite://{}", self.default_sqlite_file().display()).into();
        self.store.clone().unwrap_or_else(file)
    }

    /// Whether a store was configured.
    pub(crate) fn has_store(&self) -> bool {
        self.store.is_some()
    }

    /// Checks that the master keys can be read. Creates none.
    pub(crate) fn check_master_keys(&self) -> anyhow::Result<()> {
        let is_elsewhere = self.master_key_command.is_some() || self.master_key_file.is_some() || self.store.is_some();
        if is_elsewhere || std::env::var_os(MASTER_KEY).is_some() {
            return self.master_keys().map(drop);
        }
        if self.key_file().exists() { read_key_file(&self.key_file(), OwnershipCheck::Fail).map(drop) } else { Ok(()) }
    }

    /// The location of the master key, and the setting that it comes from.
    pub(crate) fn master_key_origin(&self) -> (String, &'static str) {
        let file = self.key_file();
        match &self.master_key_file {
            _ if self.master_key_command.is_some() => ("printed by a command".to_owned(), "--master-key-command"),
            Some(file) => (file.display().to_string(), "--master-key-file"),
            None if variable::secret(MASTER_KEY).is_some() => ("set".to_owned(), MASTER_KEY),
            None if file.exists() => (file.display().to_string(), "default"),
            None => (format!("{}, created by the first start", file.display()), "default"),
        }
    }

    fn default_sqlite_file(&self) -> PathBuf {
        self.data_dir.join("terra-auth.db")
    }

    /// Whether a SQLite store's file exists. True for PostgreSQL, which is not checked.
    pub(crate) fn store_exists(&self) -> bool {
        self.sqlite_file().is_none_or(|path| path.exists())
    }

    /// Returns an error if there is no store, for commands that create none.
    pub(crate) fn require_store(&self) -> anyhow::Result<()> {
        let next = "choose a store with --data-dir or TERRA_AUTH_STORE";
        let absent = || CommandError::new(FailureKind::NotFound, "there is no store here", next).into();
        if self.store_exists() { Ok(()) } else { Err(absent()) }
    }

    /// The file of a SQLite store.
    pub(crate) fn sqlite_file(&self) -> Option<PathBuf> {
        let path = self.store().expose_secret().strip_prefix("sqlite://").map(PathBuf::from);
        path.filter(|path| !path.as_os_str().is_empty())
    }

    pub(crate) fn create_data_dir(&self) -> anyhow::Result<()> {
        OwnershipCheck::Fail.check(&self.data_dir, Access::Change)?;
        private_file::create_dir(&self.data_dir)
            .with_context(|| format!("could not create {}", self.data_dir.display()))
    }

    /// Rereads the master keys.
    pub(crate) fn master_key_source(&self) -> MasterKeySource {
        let options = self.clone();
        Arc::new(move || Ok(options.master_keys()?))
    }

    /// The configured master keys. Nodes that share a PostgreSQL database must share the keys too.
    pub(crate) fn master_keys(&self) -> anyhow::Result<MasterKeys> {
        self.master_keys_for(NewStore::FirstStartOnly)
    }

    /// Like [`Self::master_keys`], where `new_store` decides whether a new store may replace a missing one.
    pub(crate) fn master_keys_for(&self, new_store: NewStore) -> anyhow::Result<MasterKeys> {
        if let Some(command) = &self.master_key_command {
            return parse(&run_key_command(command)?, "the master key command");
        }
        if let Some(file) = &self.master_key_file {
            return read_key_file(file, OwnershipCheck::Fail);
        }
        match variable::secret(MASTER_KEY) {
            Some(text) => parse(&text, MASTER_KEY),
            None if self.store.is_some() || is_empty(MASTER_KEY) => Err(CommandError::new(
                FailureKind::Misused,
                if is_empty(MASTER_KEY) {
                    format!("{MASTER_KEY} is empty")
                } else {
                    format!("{MASTER_KEY} is not set")
                },
                "set it to a master key: create one with `openssl rand -hex 32` and back it up; or unset both it and \
                 TERRA_AUTH_STORE, and the first start creates a key in the data directory",
            )
            .into()),
            None => {
                self.create_data_dir()?;
                keys_for_sqlite(&self.default_sqlite_file(), &self.key_file(), new_store, OwnershipCheck::Fail)
            }
        }
    }

    /// Rejects files of the data directory that other users of the machine could have changed.
    pub(crate) fn check_files(&self) -> anyhow::Result<()> {
        OwnershipCheck::Fail.check(&self.data_dir, Access::Change)?;
        self.sqlite_file().map_or(Ok(()), |file| OwnershipCheck::Fail.check(&file, Access::Change))
    }

    fn key_file(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// The master keys for a vault whose own key is lost. Where a first start would create a key,
    /// this returns a new one, which the caller must save.
    pub(crate) fn new_master_keys(&self) -> anyhow::Result<(MasterKeys, Option<UnsavedMasterKey>)> {
        let elsewhere = self.master_key_command.is_some() || self.master_key_file.is_some() || self.store.is_some();
        if elsewhere || variable::secret(MASTER_KEY).is_some() || self.key_file().exists() {
            return Ok((self.master_keys()?, None));
        }
        let unsaved =
            UnsavedMasterKey { key: crate::credentials::private_file::random_hex().into(), file: self.key_file() };
        Ok((parse(&unsaved.key, "the new master key")?, Some(unsaved)))
    }

    /// The same keys, followed by all keys in the other locations that a server reads.
    pub(crate) fn with_discovered_keys(&self, chosen: &MasterKeys) -> MasterKeys {
        let in_environment = variable::secret(MASTER_KEY).and_then(|text| parse(&text, MASTER_KEY).ok());
        let in_file = text_in(&self.key_file()).and_then(|text| parse(&text, "the key file")).ok();
        let found = [in_environment, in_file].into_iter().flatten();
        let found = found.flat_map(|keys| keys.all().cloned().collect::<Vec<_>>());
        MasterKeys::new(chosen.current().clone(), chosen.all().skip(1).cloned().chain(found).collect())
    }
}

/// A generated master key that is not stored anywhere yet.
pub(crate) struct UnsavedMasterKey {
    key: SecretString,
    pub(crate) file: PathBuf,
}

impl UnsavedMasterKey {
    pub(crate) fn save(&self) -> anyhow::Result<()> {
        let text = format!("{}\n", self.key.expose_secret());
        private_file::replace(&self.file, &text).with_context(|| format!("could not write {}", self.file.display()))
    }
}

/// Whether a missing store may be created.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewStore {
    /// Only if there is no sign of a previous store.
    FirstStartOnly,
    /// Always, because the operator passed `--new-store`.
    Allowed,
}

impl NewStore {
    pub(crate) fn from_flag(told: bool) -> Self {
        if told { Self::Allowed } else { Self::FirstStartOnly }
    }
}

/// Reads the master keys of a SQLite file from the file beside it. Creates the key file for a new store.
///
/// A first start writes its files in the following order. This distinguishes an interrupted first
/// start from a lost store:
///
/// 1. The store's lock file, empty. A crash here leaves nothing else.
/// 2. The master key. A crash here leaves a key that has encrypted nothing; the next start uses it.
/// 3. The store, with data keys that the master key wraps. A crash before its schema exists is like one at 2.
/// 4. The lock file records that the store exists. After this step, a missing store is a lost store.
pub(crate) fn keys_for_sqlite(
    store: &Path,
    file: &Path,
    new_store: NewStore,
    guard: OwnershipCheck,
) -> anyhow::Result<MasterKeys> {
    let lock = store.with_added_extension("lock");
    let size = |path: &Path| path.metadata().ok().map(|it| it.len());
    let is_there = size(store).is_some_and(|bytes| bytes > 0);
    let first_start_was_interrupted = size(&lock) == Some(0);
    if file.exists() {
        if !is_there && !first_start_was_interrupted && new_store == NewStore::FirstStartOnly {
            let message = format!(
                "the store is missing: {} exists, but {} does not or is empty",
                file.display(),
                store.display()
            );
            let next = "mount its volume or put the file back, or restore a backup with `terra-auth restore`; to start with an \
                        empty store and this key, add --new-store";
            return Err(CommandError::new(FailureKind::Failed, message, next).into());
        }
        return read_key_file(file, guard);
    }
    if is_there {
        let message = format!("the master key is missing: {} exists, but {} does not", store.display(), file.display());
        let next = "put the key file back; if the key is lost permanently, use `terra-auth vault reset`";
        return Err(CommandError::new(FailureKind::Failed, message, next).into());
    }
    if size(&lock).is_some_and(|bytes| bytes > 0) && new_store == NewStore::FirstStartOnly {
        let message = format!("the store and its master key are missing: {} and {}", store.display(), file.display());
        let next =
            "mount their volume or put both back, or restore a backup; to start with an empty store, add --new-store";
        return Err(CommandError::new(FailureKind::Failed, message, next).into());
    }
    private_file::touch(&lock).with_context(|| format!("could not write {}", lock.display()))?;
    read_or_create_secret(file)?;
    read_key_file(file, guard)
}

fn read_key_file(file: &Path, guard: OwnershipCheck) -> anyhow::Result<MasterKeys> {
    guard.check(file, Access::ReadOrChange)?;
    parse(&text_in(file)?, &file.display().to_string())
}

fn text_in(file: &Path) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(MAX_KEY_BYTES).read_to_string(&mut text))
        .with_context(|| format!("could not read {}", file.display()))?;
    Ok(text.into())
}

fn run_key_command(command: &str) -> anyhow::Result<SecretString> {
    let mut words = command.split_whitespace();
    let mut child = Command::new(words.next().context("the master key command is empty")?)
        .args(words)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("could not run the master key command")?;
    let stdout = child.stdout.take().context("the master key command has no output")?;
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let read = stdout.take(MAX_KEY_BYTES).read_to_string(&mut text);
        drop(send.send(read.map(|_| SecretString::from(text)))); // after the deadline, the receiver is gone
    });
    let Ok(read) = receive.recv_timeout(COMMAND_TIMEOUT) else {
        child.kill().context("could not stop the master key command")?;
        anyhow::bail!("the master key command printed nothing within {} s", COMMAND_TIMEOUT.as_secs());
    };
    let text = read.context("the output of the master key command is not UTF-8")?;
    // The command has closed its output, so waiting longer for its exit gains nothing.
    let status = if child.try_wait()?.is_none() { wait_for_exit(&mut child)? } else { child.wait()? };
    anyhow::ensure!(status.success(), "the master key command failed: {status}");
    Ok(text)
}

/// Waits up to 2 s for a process that has closed its output, then kills it.
fn wait_for_exit(child: &mut std::process::Child) -> anyhow::Result<std::process::ExitStatus> {
    for _ in 0..100 {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    anyhow::bail!("the master key command did not exit")
}

/// Whether a variable is set but empty. For a master key, this is a deployment mistake, not a
/// request for a new key.
fn is_empty(name: &str) -> bool {
    std::env::var_os(name).is_some() && variable::text(name).is_none()
}

/// The current key and the previous ones, each 64 hex digits.
fn parse(text: &SecretString, source: &str) -> anyhow::Result<MasterKeys> {
    let previous = variable::secret(PREVIOUS_MASTER_KEYS).unwrap_or_default();
    let all = [(text, source), (&previous, PREVIOUS_MASTER_KEYS)].into_iter().flat_map(|(text, source)| {
        let words = text.expose_secret().split(|c: char| c.is_whitespace() || c == ',');
        words.filter(|word| !word.is_empty()).map(move |word| (word, source))
    });
    let keys = all.map(|(word, source)| parse_one(word).with_context(|| format!("{source} contains no master key")));
    let mut keys = keys.collect::<anyhow::Result<Vec<_>>>()?.into_iter();
    let current = keys.next().with_context(|| format!("{source} contains no master key"))?;
    Ok(MasterKeys::new(current, keys.collect()))
}

fn parse_one(word: &str) -> anyhow::Result<MasterKey> {
    let mut key = zeroize::Zeroizing::new([0; 32]);
    hex::decode_to_slice(word, &mut key[..])
        .map_err(|_| anyhow::anyhow!("a master key is 64 hex digits; create one with: openssl rand -hex 32"))?;
    Ok(MasterKey(key))
}

/// Random master keys for an in-memory store.
pub(crate) fn ephemeral_keys() -> anyhow::Result<MasterKeys> {
    Ok(MasterKeys::new(parse_one(&crate::credentials::private_file::random_hex())?, Vec::new()))
}

/// A store's address without its password.
pub(crate) fn without_password(store: &str) -> String {
    let Ok(mut url) = store.parse::<url::Url>() else { return "set".to_owned() };
    if url.scheme() == "sqlite" {
        return store.to_owned();
    }
    url.set_query(None); // may contain a password too
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return url.scheme().to_owned();
    }
    url.to_string()
}
