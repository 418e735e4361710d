//! `terra-auth restore`: replaces a SQLite store with a backup.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::ValueHint;
use serde_json::json;
use terra_auth_core::admin::action::Admin;

use super::backup::{VerifiedCopy, invalid_backup_error, private_folder, sqlite_file};
use crate::{
    app::{self, App},
    credentials::private_file,
    dry_run::DryRun,
    service::{
        open_options::{with_in_use_remedy, with_remedy},
        storage_options::{NewStore, StorageOptions},
    },
    terminal::prompt,
};

/// Restore a SQLite store from a backup
///
/// Stop the server first. The backup is verified before anything is changed, with the master key
/// that the store had at the time of the backup. The replaced file stays in the same folder, with
/// the time in its name.
///
/// A restore undoes all changes since the backup; docs/backup.md lists the consequences. The first
/// refresh of each connection expects that its refresh token may already be used. The audit log
/// records the restore.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth restore /var/backups/terra-auth-2026-05-01.db",
    "terra-auth restore gateway.db --store sqlite://.terra-auth/gateway-production.db --yes",
])]
pub(crate) struct Args {
    /// File that `terra-auth backup` created
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    storage: StorageOptions,
}

const IN_USE: &str = "stop every server and gateway that uses this store; nothing was changed";

/// The actor in the audit log.
const ACTOR: &str = "restore";

/// The consequences of restoring a server's store, and how to handle each.
const CONSEQUENCES: [&str; 5] = [
    "users removed since the backup exist again: remove them, or compare with `terra-auth reconcile`",
    "API keys, admin tokens and signing secrets revoked since the backup are valid again: revoke them again",
    "mobile tokens and widget sessions used since the backup can be used again until they expire",
    "events sent since the backup may be sent again; receivers ignore repetitions by their trace id",
    "refresh tokens used since the backup are in the store again: the first refresh of each connection expects this; if the \
     provider rejects the token, a connection_error event is sent, and the user must connect again",
];

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        app::block_on(self.restore(app))?
    }

    async fn restore(self, app: &App) -> anyhow::Result<()> {
        let store = sqlite_file(&self.storage, "`pg_restore`")?;
        if store.starts_with(&self.storage.data_dir) {
            self.storage.create_data_dir()?;
        }
        let folder = private_folder(&store)?;
        let copy = folder.path().join("copy.db");
        fs::copy(&self.file, &copy).with_context(|| format!("could not read {}", self.file.display()))?;
        private_file::restrict(&copy)?;
        terra_auth_store::verify(&copy).map_err(invalid_backup_error)?;
        let verified = VerifiedCopy::open(&copy, || self.storage.master_keys_for(NewStore::Allowed)).await?;
        let what = format!("replace {} with {}, which was verified", store.display(), self.file.display());
        if self.dry_run.report(app.ui, &what, &json!({ "restore": self.file, "store": store }))? {
            return Ok(());
        }
        let question = || {
            Ok(format!(
                "Replace {} with {}? This undoes all changes since the backup.",
                store.display(),
                self.file.display()
            ))
        };
        prompt::confirm_or_yes(self.yes, "replaced", question)?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let connections = match &verified.auth {
            Some(auth) => auth.note_restore(&Admin::local(ACTOR), &name).await?,
            None => 0,
        };
        let is_server = verified.auth.is_some();
        drop(verified); // closes the copy, so all of its data is in one file
        let aside = format!(".replaced-{}", app::now().strftime("%Y%m%dT%H%M%SZ"));
        let aside = terra_auth_store::replace(&store, &copy, &aside);
        let aside = aside.map_err(|error| with_in_use_remedy(with_remedy(error.into()), IN_USE))?;
        let consequences: &[&str] = if is_server { &CONSEQUENCES } else { &CONSEQUENCES[3..4] };
        let json = json!({
            "store": store, "replaced": aside, "connections": connections, "consequences": consequences,
        });
        let shown = || {
            let kept = aside.map(|aside| format!("; the old store is {}", aside.display())).unwrap_or_default();
            let lines = consequences.join("\n  ");
            format!("Restored {} with {connections} connections{kept}\nConsequences:\n  {lines}", store.display())
        };
        app.ui.result(shown, &json)
    }
}
