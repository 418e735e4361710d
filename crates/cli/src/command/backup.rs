//! `terra-auth backup`: creates a verified copy of a SQLite store while its server runs.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueHint;
use secrecy::SecretString;
use serde_json::json;
use terra_auth_core::{Auth, vault::ColumnCount};
use terra_auth_model::keys::{KeyRing, MasterKeys};
use terra_auth_store::SqliteError;

use crate::{
    app::{self, App},
    failure::{CommandError, FailureKind},
    service::{node, open_options::with_remedy, storage_options::StorageOptions},
};

/// Back up a SQLite store to one file while its server runs
///
/// The backup is the store at one instant. It is verified before it gets its final name: every page
/// is read, and every encrypted value is decrypted with the master key. The backup does not contain
/// the master key. Store the key separately, because the backup is useless without it. Copy a
/// gateway's store with `--store sqlite://path`. For PostgreSQL use `pg_dump`. See docs/backup.md.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth backup /var/backups/terra-auth-2026-05-01.db",
    "terra-auth backup gateway.db --store sqlite://.terra-auth/gateway-production.db",
])]
pub(crate) struct Args {
    /// File to create; an existing file is not replaced
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    storage: StorageOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        app::block_on(self.back_up(app))?
    }

    async fn back_up(self, app: &App) -> anyhow::Result<()> {
        let store = sqlite_file(&self.storage, "`pg_dump --format=custom`")?;
        self.storage.require_store()?;
        if self.file.exists() {
            let message = format!("{} already exists", self.file.display());
            return Err(CommandError::new(
                FailureKind::Misused,
                message,
                "choose another name, for example with the date",
            )
            .into());
        }
        let folder = private_folder(&self.file)?;
        let copy = folder.path().join("copy.db");
        terra_auth_store::backup(&store, &copy).map_err(|error| with_remedy(error.into()))?;
        let verified = VerifiedCopy::copy_of(&copy, folder.path(), &self.storage).await?;
        let bytes = fs::metadata(&copy)?.len();
        // Unlike a rename, a hard link never replaces a file that another process has created meanwhile.
        fs::hard_link(&copy, &self.file).with_context(|| format!("could not write {}", self.file.display()))?;
        File::open(folder_of(&self.file)).and_then(|folder| folder.sync_all())?;
        let json = json!({ "file": self.file.display().to_string(), "bytes": bytes, "sealed_values": verified.values });
        let shown = || {
            let (file, values) = (self.file.display(), verified.values);
            format!("{file}: {bytes} bytes; every page was read, and {values} encrypted values were decrypted")
        };
        app.ui.result(shown, &json)
    }
}

/// The file of a SQLite store. For another store, returns an error that names the tool to use instead.
pub(super) fn sqlite_file(storage: &StorageOptions, alternative: &str) -> anyhow::Result<PathBuf> {
    let refused = || {
        let next = format!("use {alternative} for PostgreSQL, see docs/backup.md");
        CommandError::new(FailureKind::Misused, "this store is not a SQLite file", next).into()
    };
    storage.sqlite_file().ok_or_else(refused)
}

/// Creates a temporary folder that only its owner may enter, on the same file system as `file`.
pub(super) fn private_folder(file: &Path) -> anyhow::Result<tempfile::TempDir> {
    let parent = folder_of(file);
    let folder = tempfile::Builder::new().prefix(".terra-auth.").tempdir_in(parent);
    folder.with_context(|| format!("could not write into {}", parent.display()))
}

pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A copy of a store that was opened with its keys, as a server would open it.
pub(super) struct VerifiedCopy {
    /// `None` for a gateway's store, which contains no encrypted values.
    pub(super) auth: Option<Auth>,
    /// The number of encrypted values. All of them can be decrypted.
    pub(super) values: u64,
}

impl VerifiedCopy {
    /// Verifies a scratch copy of the copy, because opening a store may migrate its schema.
    async fn copy_of(copy: &Path, folder: &Path, storage: &StorageOptions) -> anyhow::Result<Self> {
        let scratch = folder.join("scratch.db");
        fs::copy(copy, &scratch).context("could not verify the copy")?;
        Self::open(&scratch, || storage.master_keys()).await
    }

    /// Opens a file that no other process uses, and decrypts every value in it.
    pub(super) async fn open(
        file: &Path,
        master_keys: impl FnOnce() -> anyhow::Result<MasterKeys>,
    ) -> anyhow::Result<Self> {
        let url = SecretString::from(format!("sqlite://{}", file.display()));
        let store = terra_auth_store::open(&url).await.map_err(with_remedy)?;
        if !KeyRing::is_in(&store).await? {
            return Ok(Self { auth: None, values: 0 });
        }
        drop(store);
        let auth = node::open_offline(&url, master_keys()?).await?;
        let counts = auth.verify_vault(|_, _| {}).await.context("could not read all encrypted values")?;
        let sum = |count: fn(&ColumnCount) -> u64| counts.iter().map(count).sum::<u64>();
        let (values, broken) = (sum(|count| count.values), sum(|count| count.broken));
        if broken > 0 {
            let next = "list them with `terra-auth vault verify`";
            return Err(CommandError::new(
                FailureKind::FoundErrors,
                format!("{broken} encrypted values cannot be decrypted"),
                next,
            )
            .into());
        }
        Ok(Self { auth: Some(auth), values })
    }
}

/// The error for a backup that cannot be restored.
pub(super) fn invalid_backup_error(error: SqliteError) -> anyhow::Error {
    let next = "nothing was changed; use another backup";
    CommandError::new(FailureKind::Failed, format!("{:#}", anyhow::Error::new(error)), next).into()
}
