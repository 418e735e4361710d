//! Where a server keeps everything, and the master keys that open it.

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
use terra_auth_core::seal::{MasterKey, MasterKeySource, MasterKeys};

use crate::{
    failure::{Advice, Kind},
    guard::Guard,
    node::secret_in,
    private_file, variable,
};

const MASTER_KEY: &str = "TERRA_AUTH_MASTER_KEY";
const PREVIOUS: &str = "TERRA_AUTH_PREVIOUS_MASTER_KEYS";

/// How long a command may take to print the master key.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes that are read of one source of master keys.
const MOST_BYTES: u64 = 4096;

#[derive(Clone, clap::Args)]
pub(crate) struct Keeping {
    /// Where everything is kept: `sqlite://path` or `postgres://…`; by default a file in the data directory
    ///
    /// A password belongs into `TERRA_AUTH_STORE`, not into an argument that every process can see.
    #[arg(long, value_name = "URL", env = "TERRA_AUTH_STORE", hide_env_values = true)]
    store: Option<SecretString>,
    /// Holds the SQLite file and, unless it comes from elsewhere, the master key
    #[arg(long, value_name = "DIR", env = "TERRA_AUTH_DATA_DIR", default_value = ".terra-auth")]
    pub(crate) data_dir: PathBuf,
    /// Read the master key from this file, which only its owner may read: 64 hex digits
    ///
    /// While one master key replaces another, the new one comes first and the previous ones follow, each on its line.
    /// Without this, the key is in `TERRA_AUTH_MASTER_KEY` (previous ones in `TERRA_AUTH_PREVIOUS_MASTER_KEYS`), else in the
    /// data directory, where the first start makes one.
    #[arg(long, value_name = "FILE", env = "TERRA_AUTH_MASTER_KEY_FILE", conflicts_with = "master_key_command")]
    master_key_file: Option<PathBuf>,
    /// Run this command, which prints the same; no shell sees it, and its words are parted by spaces
    #[arg(long, value_name = "COMMAND", env = "TERRA_AUTH_MASTER_KEY_COMMAND")]
    master_key_command: Option<String>,
}

impl Keeping {
    pub(crate) fn store(&self) -> SecretString {
        let file = || format!("sqlite://{}", self.default_file().display()).into();
        self.store.clone().unwrap_or_else(file)
    }

    /// Whether the store was chosen.
    pub(crate) fn has_store(&self) -> bool {
        self.store.is_some()
    }

    /// Whether the master keys can be read; creates none.
    pub(crate) fn check_master_keys(&self) -> anyhow::Result<()> {
        let is_elsewhere = self.master_key_command.is_some() || self.master_key_file.is_some() || self.store.is_some();
        if is_elsewhere || std::env::var_os(MASTER_KEY).is_some() {
            return self.master_keys().map(drop);
        }
        if self.key_file().exists() { keys_in(&self.key_file(), Guard::Refuses).map(drop) } else { Ok(()) }
    }

    /// Where the master key is, and what says so.
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

    fn default_file(&self) -> PathBuf {
        self.data_dir.join("terra-auth.db")
    }

    /// Whether there is a store at all, as far as a look at the files tells.
    pub(crate) fn is_there(&self) -> bool {
        self.sqlite_file().is_none_or(|path| path.exists())
    }

    /// Refuses to go on where there is no store, for commands that make none.
    pub(crate) fn must_be_there(&self) -> anyhow::Result<()> {
        let next = "choose it with --data-dir or TERRA_AUTH_STORE";
        let absent = || Advice::new(Kind::NotFound, "there is no store here", next).into();
        if self.is_there() { Ok(()) } else { Err(absent()) }
    }

    /// The file of a SQLite store.
    pub(crate) fn sqlite_file(&self) -> Option<PathBuf> {
        let path = self.store().expose_secret().strip_prefix("sqlite://").map(PathBuf::from);
        path.filter(|path| !path.as_os_str().is_empty())
    }

    pub(crate) fn make_data_dir(&self) -> anyhow::Result<()> {
        Guard::Refuses.check(&self.data_dir, Access::Change)?;
        private_file::create_dir(&self.data_dir).with_context(|| format!("could not make {}", self.data_dir.display()))
    }

    /// Reads them again.
    pub(crate) fn master_key_source(&self) -> MasterKeySource {
        let keeping = self.clone();
        Arc::new(move || Ok(keeping.master_keys()?))
    }

    /// Nodes that share a PostgreSQL must share the keys too.
    pub(crate) fn master_keys(&self) -> anyhow::Result<MasterKeys> {
        self.master_keys_for(NewStore::IfNoneWas)
    }

    /// The same for a store that may be new although there was one before.
    pub(crate) fn master_keys_for(&self, new_store: NewStore) -> anyhow::Result<MasterKeys> {
        if let Some(command) = &self.master_key_command {
            return parse(&output_of(command)?, "the master key command");
        }
        if let Some(file) = &self.master_key_file {
            return keys_in(file, Guard::Refuses);
        }
        match variable::secret(MASTER_KEY) {
            Some(text) => parse(&text, MASTER_KEY),
            None if self.store.is_some() || is_empty(MASTER_KEY) => Err(Advice::new(
                Kind::Misused,
                if is_empty(MASTER_KEY) {
                    format!("{MASTER_KEY} is empty")
                } else {
                    format!("{MASTER_KEY} is not set")
                },
                "give it a master key: make one with `openssl rand -hex 32` and keep it safe; or unset it, and without \
                 TERRA_AUTH_STORE the first start makes a key in the data directory",
            )
            .into()),
            None => {
                self.make_data_dir()?;
                keys_beside(&self.default_file(), &self.key_file(), new_store, Guard::Refuses)
            }
        }
    }

    /// Refuses files of the data directory that other users of the machine could have changed.
    pub(crate) fn check_files(&self) -> anyhow::Result<()> {
        Guard::Refuses.check(&self.data_dir, Access::Change)?;
        self.sqlite_file().map_or(Ok(()), |file| Guard::Refuses.check(&file, Access::Change))
    }

    fn key_file(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// The master keys for a vault whose own is lost. Where the first start would make one, this is a new one, which is still
    /// to be kept.
    pub(crate) fn new_master_keys(&self) -> anyhow::Result<(MasterKeys, Option<Unkept>)> {
        let elsewhere = self.master_key_command.is_some() || self.master_key_file.is_some() || self.store.is_some();
        if elsewhere || variable::secret(MASTER_KEY).is_some() || self.key_file().exists() {
            return Ok((self.master_keys()?, None));
        }
        let unkept = Unkept { key: crate::node::random_hex().into(), file: self.key_file() };
        Ok((parse(&unkept.key, "the new master key")?, Some(unkept)))
    }

    /// The same keys, and after them all that lie where a server would look for them too.
    pub(crate) fn with_all_at_hand(&self, chosen: &MasterKeys) -> MasterKeys {
        let in_environment = variable::secret(MASTER_KEY).and_then(|text| parse(&text, MASTER_KEY).ok());
        let in_file = text_in(&self.key_file()).and_then(|text| parse(&text, "the key file")).ok();
        let found = [in_environment, in_file].into_iter().flatten();
        let found = found.flat_map(|keys| keys.all().cloned().collect::<Vec<_>>());
        MasterKeys::new(chosen.current().clone(), chosen.all().skip(1).cloned().chain(found).collect())
    }
}

/// A master key that nobody has yet.
pub(crate) struct Unkept {
    key: SecretString,
    pub(crate) file: PathBuf,
}

impl Unkept {
    pub(crate) fn keep(&self) -> anyhow::Result<()> {
        let text = format!("{}\n", self.key.expose_secret());
        private_file::replace(&self.file, &text).with_context(|| format!("could not write {}", self.file.display()))
    }
}

/// Whether a store may be made where none is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewStore {
    /// Unless something shows that there was one before.
    IfNoneWas,
    /// The operator says so.
    Told,
}

impl NewStore {
    pub(crate) fn if_told(told: bool) -> Self {
        if told { Self::Told } else { Self::IfNoneWas }
    }
}

/// Reads the master keys of a SQLite file from the file beside it, which is made for a store that is still to be made.
///
/// A first start leaves its traces in this order, so that one that was cut off can be told from a store that is gone:
///
/// 1. The store's lock file, empty. A crash here leaves nothing else.
/// 2. The master key. A crash here leaves a key that has sealed nothing: the next start uses it.
/// 3. The store, with data keys that the master key wraps. A crash before its schema is there is like one at 2.
/// 4. The lock file says that there is a store. From now on a store that is missing is gone.
pub(crate) fn keys_beside(store: &Path, file: &Path, new_store: NewStore, guard: Guard) -> anyhow::Result<MasterKeys> {
    let lock = store.with_added_extension("lock");
    let size = |path: &Path| path.metadata().ok().map(|it| it.len());
    let is_there = size(store).is_some_and(|bytes| bytes > 0);
    let first_start_was_cut = size(&lock) == Some(0);
    if file.exists() {
        if !is_there && !first_start_was_cut && new_store == NewStore::IfNoneWas {
            let message = format!(
                "the store is missing: {} is there, and {} is not, or it is empty",
                file.display(),
                store.display()
            );
            let next = "mount its volume or put the file back, or restore a backup with `terra-auth restore`; to begin with an \
                        empty store and this key, add --new-store";
            return Err(Advice::new(Kind::Failed, message, next).into());
        }
        return keys_in(file, guard);
    }
    if is_there {
        let message = format!("the master key is missing: {} is there, and {} is not", store.display(), file.display());
        let next = "put the key back where it was; if it is lost for ever, see `terra-auth vault reset`";
        return Err(Advice::new(Kind::Failed, message, next).into());
    }
    if size(&lock).is_some_and(|bytes| bytes > 0) && new_store == NewStore::IfNoneWas {
        let message = format!("the store and its master key are gone: {} and {}", store.display(), file.display());
        let next =
            "mount their volume or put both back, or restore a backup; to begin with an empty store, add --new-store";
        return Err(Advice::new(Kind::Failed, message, next).into());
    }
    private_file::touch(&lock).with_context(|| format!("could not write {}", lock.display()))?;
    secret_in(file)?;
    keys_in(file, guard)
}

fn keys_in(file: &Path, guard: Guard) -> anyhow::Result<MasterKeys> {
    guard.check(file, Access::ReadOrChange)?;
    parse(&text_in(file)?, &file.display().to_string())
}

fn text_in(file: &Path) -> anyhow::Result<SecretString> {
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text))
        .with_context(|| format!("could not read {}", file.display()))?;
    Ok(text.into())
}

fn output_of(command: &str) -> anyhow::Result<SecretString> {
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
        let read = stdout.take(MOST_BYTES).read_to_string(&mut text);
        drop(send.send(read.map(|_| SecretString::from(text)))); // nobody listens after the deadline
    });
    let Ok(read) = receive.recv_timeout(PATIENCE) else {
        child.kill().context("the master key command does not end")?;
        anyhow::bail!("the master key command printed nothing within {} s", PATIENCE.as_secs());
    };
    let text = read.context("the master key command printed what is no text")?;
    // It has closed its output; if it does not end by itself, nothing is gained by waiting.
    let status = if child.try_wait()?.is_none() { ended(&mut child)? } else { child.wait()? };
    anyhow::ensure!(status.success(), "the master key command failed: {status}");
    Ok(text)
}

/// Waits a moment for a process that has said what it had to say.
fn ended(child: &mut std::process::Child) -> anyhow::Result<std::process::ExitStatus> {
    for _ in 0..100 {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(20));
    }
    child.kill()?;
    anyhow::bail!("the master key command did not end")
}

/// Whether a variable is there and says nothing. Of a master key, that is a mistake in a deployment and no wish for a new one.
fn is_empty(name: &str) -> bool {
    std::env::var_os(name).is_some() && variable::text(name).is_none()
}

/// The current key and the previous ones, each 64 hex digits.
fn parse(text: &SecretString, source: &str) -> anyhow::Result<MasterKeys> {
    let previous = variable::secret(PREVIOUS).unwrap_or_default();
    let all = [(text, source), (&previous, PREVIOUS)].into_iter().flat_map(|(text, source)| {
        let words = text.expose_secret().split(|c: char| c.is_whitespace() || c == ',');
        words.filter(|word| !word.is_empty()).map(move |word| (word, source))
    });
    let keys = all.map(|(word, source)| parse_one(word).with_context(|| format!("{source} holds no master key")));
    let mut keys = keys.collect::<anyhow::Result<Vec<_>>>()?.into_iter();
    let current = keys.next().with_context(|| format!("{source} holds no master key"))?;
    Ok(MasterKeys::new(current, keys.collect()))
}

fn parse_one(word: &str) -> anyhow::Result<MasterKey> {
    let mut key = zeroize::Zeroizing::new([0; 32]);
    hex::decode_to_slice(word, &mut key[..])
        .map_err(|_| anyhow::anyhow!("a master key is 64 hex digits; make one with: openssl rand -hex 32"))?;
    Ok(MasterKey(key))
}

/// For a store that keeps nothing.
pub(crate) fn fleeting_keys() -> anyhow::Result<MasterKeys> {
    Ok(MasterKeys::new(parse_one(&crate::node::random_hex())?, Vec::new()))
}

/// A store's address without its password.
pub(crate) fn without_password(store: &str) -> String {
    let Ok(mut url) = store.parse::<url::Url>() else { return "set".to_owned() };
    if url.scheme() == "sqlite" {
        return store.to_owned();
    }
    url.set_query(None); // may hold a password too
    if url.password().is_some() && url.set_password(Some("***")).is_err() {
        return url.scheme().to_owned();
    }
    url.to_string()
}
