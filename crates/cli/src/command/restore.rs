//! `terra-auth restore`: a backup in the place of a SQLite store.

use std::{fs, path::PathBuf};

use anyhow::Context as _;
use clap::ValueHint;
use serde_json::json;
use terra_auth_core::admin::Admin;

use super::backup::{Verified, private_folder, sqlite_file, unusable};
use crate::{
    app::{self, App},
    ask,
    dry_run::DryRun,
    keeping::{Keeping, NewStore},
    opening::{advised, in_use},
    private_file,
};

/// Replace a SQLite store with a backup
///
/// Stop the server first. The backup is verified before anything is changed, with the master key that the store had then. The
/// replaced file is kept beside the new one, under a name with the time in it.
///
/// A restore undoes everything since the backup: see what follows from that in docs/backup.md. The first refresh of each
/// connection is a careful one, as its refresh token may be spent, and the audit log gets a line.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth restore /var/backups/terra-auth-2026-05-01.db",
    "terra-auth restore gateway.db --store sqlite://.terra-auth/gateway-production.db --yes",
])]
pub(crate) struct Args {
    /// What `terra-auth backup` wrote
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    keeping: Keeping,
}

const IN_USE: &str = "stop every server and gateway of this store first; nothing was changed";

/// Who the audit log says it was.
const ACTOR: &str = "restore";

/// What a restore of a server's store undoes, and what to do about it.
const CONSEQUENCES: [&str; 5] = [
    "users who were removed since the backup are back: remove them again, or compare with `terra-auth reconcile`",
    "API keys, admin tokens and signing secrets that were revoked since then work again: revoke them again",
    "mobile tokens and widget sessions that were used since then may be used again until they expire",
    "events that were sent since then may be sent again; receivers drop repeated ones by their trace id",
    "refresh tokens that were spent since then are in the store again: each connection is refreshed carefully, and one whose \
     provider refuses gets a connection_error event, so that its user connects again",
];

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        app::wait(self.restore(app))?
    }

    async fn restore(self, app: &App) -> anyhow::Result<()> {
        let store = sqlite_file(&self.keeping, "`pg_restore`")?;
        if store.starts_with(&self.keeping.data_dir) {
            self.keeping.make_data_dir()?;
        }
        let folder = private_folder(&store)?;
        let copy = folder.path().join("copy.db");
        fs::copy(&self.file, &copy).with_context(|| format!("could not read {}", self.file.display()))?;
        private_file::restrict(&copy)?;
        terra_auth_store::verify(&copy).map_err(unusable)?;
        let verified = Verified::open(&copy, || self.keeping.master_keys_for(NewStore::Told)).await?;
        let what = format!("replace {} by {}, which can be read", store.display(), self.file.display());
        if self.dry_run.stops(app.ui, &what, &json!({ "restore": self.file, "store": store }))? {
            return Ok(());
        }
        let question =
            || Ok(format!("Replace {} by {}? It undoes all changes since then.", store.display(), self.file.display()));
        ask::sure(self.yes, "replaced", question)?;
        let name = self.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let connections = match &verified.auth {
            Some(auth) => auth.note_restore(&Admin::local(ACTOR), &name).await?,
            None => 0,
        };
        let is_server = verified.auth.is_some();
        drop(verified); // closes the copy, and with that everything is in one file
        let aside = format!(".replaced-{}", app::now().strftime("%Y%m%dT%H%M%SZ"));
        let aside = terra_auth_store::replace(&store, &copy, &aside);
        let aside = aside.map_err(|error| in_use(advised(error.into()), IN_USE))?;
        let consequences: &[&str] = if is_server { &CONSEQUENCES } else { &CONSEQUENCES[3..4] };
        let json = json!({
            "store": store, "replaced": aside, "connections": connections, "consequences": consequences,
        });
        let shown = || {
            let kept = aside.map(|aside| format!("; what was there is in {}", aside.display())).unwrap_or_default();
            let lines = consequences.join("\n  ");
            format!("{} is restored, {connections} connections{kept}\nSince the backup:\n  {lines}", store.display())
        };
        app.ui.result(shown, &json)
    }
}
