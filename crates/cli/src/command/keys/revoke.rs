use anyhow::Context as _;
use serde_json::json;
use terra_auth::{
    KeyId,
    wire::admin::{AdminKey, RetireKey},
};

use super::{Whose, hidden, names, whose::Owner};
use crate::{
    app::{self, App},
    ask,
    command::users::minute,
    dry_run::DryRun,
    failure::{Advice, Kind},
    ui::shown,
};

/// Revoke a key
///
/// Says what is lost and asks first. A key that was used in the last minutes is not ended by mistake: rotate it, or say
/// --now if it leaked. Every node of the server refuses it within a second.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys revoke 00000000-0000-4000-8000-000000000001",
    "terra-auth keys revoke 00000000-0000-4000-8000-000000000001 --now --yes",
])]
pub(crate) struct Args {
    /// The key, as `terra-auth keys list` shows it
    key_id: KeyId,
    /// End it although it is in use, because it leaked
    #[arg(long)]
    now: bool,
    /// End it although it was used in the last minutes
    #[arg(long)]
    force: bool,
    /// Do it without asking; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { key_id, now, force, yes, dry_run, whose } = self;
        if !yes && !dry_run.dry_run && !ask::possible() {
            return Err(ask::nobody("revoked").into());
        }
        let owner = whose.find(app)?;
        let admin = owner.admin(app)?;
        let keys = app::wait(admin.list_api_keys(&owner.dev_id))?.context("could not list the keys")?;
        let found = keys.iter().find(|key| key.key_id == key_id);
        let next = "choose one that `terra-auth keys list` shows";
        let missing = || Advice::new(Kind::NotFound, format!("{} has no key {key_id}", owner.dev_id), next);
        let found = found.ok_or_else(missing)?;
        let what = format!("revoke key {key_id}\n{}", lost(&owner, found));
        if dry_run.stops(app.ui, &what, &json!({ "revoke_key": found }))? {
            return Ok(());
        }
        app.ui.note(&lost(&owner, found))?;
        ask::sure(yes, "revoked", || Ok("Revoke this key? It cannot be undone.".to_owned()))?;
        let how = RetireKey { overlap_s: None, now, force };
        let ended = app::wait(admin.revoke_api_key(&owner.dev_id, key_id, how))?.context("could not revoke the key")?;
        app.ui.result(|| format!("Revoked {key_id} {}", hidden(&ended.hint)), &ended)
    }
}

fn lost(owner: &Owner, key: &AdminKey) -> String {
    let (name, hint, scopes) = (shown(&key.name), hidden(&key.hint), names(key.scopes));
    let used = key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {}", minute(at)));
    let here = if owner.holds(&key.hint) { " It is the key in the credential file." } else { "" };
    format!(
        "“{name}” {hint} of {}, scopes: {scopes}, {used}. Whoever has it is refused from then on.{here}",
        owner.dev_id
    )
}
