//! Where a server keeps everything, and the master keys that open it.

use std::{
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth_core::seal::{MasterKey, MasterKeySource, MasterKeys};

use crate::{
    failure::{Advice, Kind},
    node::secret_in,
    private_file,
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

    fn default_file(&self) -> PathBuf {
        self.data_dir.join("terra-auth.db")
    }

    /// Whether there is a store at all, as far as a look at the files tells.
    pub(crate) fn is_there(&self) -> bool {
        self.store().expose_secret().strip_prefix("sqlite://").is_none_or(|path| Path::new(path).exists())
    }

    pub(crate) fn make_data_dir(&self) -> anyhow::Result<()> {
        private_file::create_dir(&self.data_dir).with_context(|| format!("could not make {}", self.data_dir.display()))
    }

    /// Reads them again.
    pub(crate) fn master_key_source(&self) -> MasterKeySource {
        let keeping = self.clone();
        Arc::new(move || Ok(keeping.master_keys()?))
    }

    /// Nodes that share a PostgreSQL must share the keys too.
    pub(crate) fn master_keys(&self) -> anyhow::Result<MasterKeys> {
        if let Some(command) = &self.master_key_command {
            return parse(&output_of(command)?, "the master key command");
        }
        if let Some(file) = &self.master_key_file {
            return keys_in(file);
        }
        match std::env::var(MASTER_KEY) {
            Ok(text) => parse(&text.into(), MASTER_KEY),
            Err(_) if self.store.is_some() => Err(Advice::new(
                Kind::Misused,
                format!("{MASTER_KEY} is not set"),
                "a store of your own choice needs a master key: make one with `openssl rand -hex 32` and keep it safe",
            )
            .into()),
            Err(_) => {
                self.make_data_dir()?;
                keys_beside(&self.default_file(), &self.key_file())
            }
        }
    }

    fn key_file(&self) -> PathBuf {
        self.data_dir.join("master.key")
    }

    /// The master keys for a vault whose own is lost. Where the first start would make one, this is a new one, which is still
    /// to be kept.
    pub(crate) fn new_master_keys(&self) -> anyhow::Result<(MasterKeys, Option<Unkept>)> {
        let elsewhere = self.master_key_command.is_some() || self.master_key_file.is_some() || self.store.is_some();
        if elsewhere || std::env::var_os(MASTER_KEY).is_some() || self.key_file().exists() {
            return Ok((self.master_keys()?, None));
        }
        let unkept = Unkept { key: crate::node::random_hex().into(), file: self.key_file() };
        Ok((parse(&unkept.key, "the new master key")?, Some(unkept)))
    }

    /// The same keys, and after them all that lie where a server would look for them too.
    pub(crate) fn with_all_at_hand(&self, chosen: &MasterKeys) -> MasterKeys {
        let in_environment = std::env::var(MASTER_KEY).ok().and_then(|text| parse(&text.into(), MASTER_KEY).ok());
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

/// Reads the master keys of a SQLite file from the file beside it, which is made for a store that is still to be made.
pub(crate) fn keys_beside(store: &Path, file: &Path) -> anyhow::Result<MasterKeys> {
    if !file.exists() {
        if store.exists() {
            let message =
                format!("the master key is missing: {} is there, and {} is not", store.display(), file.display());
            let next = "put the key back where it was; if it is lost for ever, see `terra-auth vault reset`";
            return Err(Advice::new(Kind::Failed, message, next).into());
        }
        secret_in(file)?;
    }
    keys_in(file)
}

fn keys_in(file: &Path) -> anyhow::Result<MasterKeys> {
    let unreadable = || format!("could not read {}", file.display());
    let mode = file.metadata().with_context(unreadable)?.permissions().mode();
    if mode & 0o077 != 0 {
        let message = format!("others may read the master key in {}", file.display());
        return Err(Advice::new(Kind::Failed, message, format!("chmod 600 {}", file.display())).into());
    }
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

/// The current key and the previous ones, each 64 hex digits.
fn parse(text: &SecretString, source: &str) -> anyhow::Result<MasterKeys> {
    let previous = SecretString::from(std::env::var(PREVIOUS).unwrap_or_default());
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
