//! `terra-auth backup`: a verified copy of a SQLite store, made while its server serves.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueHint;
use secrecy::SecretString;
use serde_json::json;
use terra_auth_core::{
    Auth,
    seal::{KeyRing, MasterKeys},
    vault::ColumnCount,
};
use terra_auth_store::SqliteError;

use crate::{
    app::{self, App},
    failure::{Advice, Kind},
    keeping::Keeping,
    node,
    opening::advised,
};

/// Copy a SQLite store into one file while its server runs
///
/// The copy is the store at one instant. It is verified before it gets its name: every page is read, and every sealed value
/// is opened with the master key. The master key is not part of it: keep that elsewhere, as a backup is worth nothing without
/// it. A gateway's store is copied with `--store sqlite://path`. For PostgreSQL use `pg_dump`. See docs/backup.md.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth backup /var/backups/terra-auth-2026-05-01.db",
    "terra-auth backup gateway.db --store sqlite://.terra-auth/gateway-production.db",
])]
pub(crate) struct Args {
    /// The new file; a file that exists is not replaced
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    keeping: Keeping,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        app::wait(self.back_up(app))?
    }

    async fn back_up(self, app: &App) -> anyhow::Result<()> {
        let store = sqlite_file(&self.keeping, "`pg_dump --format=custom`")?;
        self.keeping.must_be_there()?;
        if self.file.exists() {
            let message = format!("{} exists", self.file.display());
            return Err(Advice::new(Kind::Misused, message, "choose another name, with the date in it").into());
        }
        let folder = private_folder(&self.file)?;
        let copy = folder.path().join("copy.db");
        terra_auth_store::backup(&store, &copy).map_err(|error| advised(error.into()))?;
        let verified = Verified::copy_of(&copy, folder.path(), &self.keeping).await?;
        let bytes = fs::metadata(&copy)?.len();
        // Unlike a rename, a second name never takes the place of a file that came meanwhile.
        fs::hard_link(&copy, &self.file).with_context(|| format!("could not write {}", self.file.display()))?;
        File::open(folder_of(&self.file)).and_then(|folder| folder.sync_all())?;
        let json = json!({ "file": self.file.display().to_string(), "bytes": bytes, "sealed_values": verified.values });
        let shown = || {
            let (file, values) = (self.file.display(), verified.values);
            format!("{file}: {bytes} bytes, every page read and {values} sealed values opened")
        };
        app.ui.result(shown, &json)
    }
}

/// The file of a SQLite store; refuses another store, and says what copies that.
pub(super) fn sqlite_file(keeping: &Keeping, instead: &str) -> anyhow::Result<PathBuf> {
    let refused = || {
        let next = format!("use {instead} for PostgreSQL, see docs/backup.md");
        Advice::new(Kind::Misused, "this store is no SQLite file", next).into()
    };
    keeping.sqlite_file().ok_or_else(refused)
}

/// A folder that only its owner may enter, on the file system of a file; it is removed when it is dropped.
pub(super) fn private_folder(file: &Path) -> anyhow::Result<tempfile::TempDir> {
    let parent = folder_of(file);
    let folder = tempfile::Builder::new().prefix(".terra-auth.").tempdir_in(parent);
    folder.with_context(|| format!("could not write into {}", parent.display()))
}

pub(super) fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A copy that was opened as a server would open it, with its keys.
pub(super) struct Verified {
    /// `None` for a gateway's, in which nothing is sealed.
    pub(super) auth: Option<Auth>,
    /// Sealed values, all of which open.
    pub(super) values: u64,
}

impl Verified {
    /// Opens another copy of a copy: opening it may bring its schema up to date.
    async fn copy_of(copy: &Path, folder: &Path, keeping: &Keeping) -> anyhow::Result<Self> {
        let scratch = folder.join("scratch.db");
        fs::copy(copy, &scratch).context("could not verify the copy")?;
        Self::open(&scratch, || keeping.master_keys()).await
    }

    /// Opens a file that nobody else has, and everything sealed in it.
    pub(super) async fn open(
        file: &Path,
        master_keys: impl FnOnce() -> anyhow::Result<MasterKeys>,
    ) -> anyhow::Result<Self> {
        let url = SecretString::from(format!("sqlite://{}", file.display()));
        let store = terra_auth_store::open(&url).await.map_err(advised)?;
        if !KeyRing::is_in(&store).await? {
            return Ok(Self { auth: None, values: 0 });
        }
        drop(store);
        let auth = node::offline(&url, master_keys()?).await?;
        let counts = auth.verify_vault(|_, _| {}).await.context("could not read every value")?;
        let sum = |count: fn(&ColumnCount) -> u64| counts.iter().map(count).sum::<u64>();
        let (values, broken) = (sum(|count| count.values), sum(|count| count.broken));
        if broken > 0 {
            let next = "see which with `terra-auth vault verify`";
            return Err(Advice::new(Kind::FoundErrors, format!("{broken} sealed values do not open"), next).into());
        }
        Ok(Self { auth: Some(auth), values })
    }
}

/// What is wrong with a file that is to be restored.
pub(super) fn unusable(error: SqliteError) -> anyhow::Error {
    let next = "nothing was changed; take another backup";
    Advice::new(Kind::Failed, format!("{:#}", anyhow::Error::new(error)), next).into()
}
