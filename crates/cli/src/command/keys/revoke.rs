use anyhow::Context as _;
use serde_json::json;
use terra_auth::{
    KeyId,
    wire::admin::{AdminKey, RetireKey},
};

use super::{TargetOptions, masked_hint, scope_names, target::Target};
use crate::{
    app::{self, App},
    command::users::format_minute,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    prompt,
    ui::shown,
};

/// Revoke a key
///
/// Describes the key and asks for confirmation. To prevent mistakes, a key that was used in the last
/// minutes is not revoked: rotate it, or add --now if it leaked. Every node of the server rejects the
/// key within a second.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys revoke 00000000-0000-4000-8000-000000000001",
    "terra-auth keys revoke 00000000-0000-4000-8000-000000000001 --now --yes",
])]
pub(crate) struct Args {
    /// Key id, as listed by `terra-auth keys list`
    key_id: KeyId,
    /// Revoke the key even if it is in use, because it leaked
    #[arg(long)]
    now: bool,
    /// Revoke the key even if it was used in the last minutes
    #[arg(long)]
    force: bool,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { key_id, now, force, yes, dry_run, target } = self;
        if !yes && !dry_run.dry_run && !prompt::has_terminal() {
            return Err(prompt::no_terminal("revoked").into());
        }
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        let keys = app::block_on(admin.list_api_keys(&target.dev_id))?.context("could not list the keys")?;
        let found = keys.iter().find(|key| key.key_id == key_id);
        let next = "choose one listed by `terra-auth keys list`";
        let missing =
            || CommandError::new(FailureKind::NotFound, format!("{} has no key {key_id}", target.dev_id), next);
        let found = found.ok_or_else(missing)?;
        let what = format!("revoke key {key_id}\n{}", consequences(&target, found));
        if dry_run.report(app.ui, &what, &json!({ "revoke_key": found }))? {
            return Ok(());
        }
        app.ui.note(&consequences(&target, found))?;
        prompt::confirm_or_yes(yes, "revoked", || Ok("Revoke this key? It cannot be undone.".to_owned()))?;
        let how = RetireKey { overlap_s: None, now, force };
        let ended =
            app::block_on(admin.revoke_api_key(&target.dev_id, key_id, how))?.context("could not revoke the key")?;
        app.ui.result(|| format!("Revoked {key_id} {}", masked_hint(&ended.hint)), &ended)
    }
}

fn consequences(target: &Target, key: &AdminKey) -> String {
    let (name, hint, scopes) = (shown(&key.name), masked_hint(&key.hint), scope_names(key.scopes));
    let used =
        key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {}", format_minute(at)));
    let here = if target.has_key(&key.hint) { " It is the key in the credential file." } else { "" };
    format!("“{name}” {hint} of {}, scopes: {scopes}, {used}. The server rejects it from then on.{here}", target.dev_id)
}
