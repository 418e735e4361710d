use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueHint;
use serde_json::json;

use crate::{
    app::{self, App},
    command::{
        admin::access::AdminOptions,
        env::{
            diff::rows,
            settings::{ServerEnvironment, read},
        },
    },
    prompt,
};

/// Apply the settings in a file to an environment, after showing the changes
///
/// Settings that the file omits stay unchanged. `env export` writes such a file.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env apply settings.toml --env production --dry-run",
    "terra-auth env apply settings.toml --env production --yes",
])]
pub(crate) struct Args {
    /// Settings file
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Show what would change, without changing anything
    #[arg(long)]
    dry_run: bool,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    access: AdminOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let wanted = read(&self.file)?;
        let owned = ServerEnvironment::find(app, &self.access, app.environment)?;
        let differences = owned.settings().differences(&wanted);
        let header = ["setting", "now", "new"];
        let applied = !self.dry_run && !differences.is_empty();
        if applied {
            let question =
                || Ok(format!("{}\n\nApply these changes to {}?", rows(header, &differences), app.environment));
            prompt::confirm_or_yes(self.yes, "applied", question)?;
            let change = wanted.to_change();
            app::block_on(owned.admin.change_environment(&owned.dev_id, &change))?
                .context("could not apply the settings")?;
        }
        app.ui.note(match (applied, differences.is_empty()) {
            (true, _) => "applied",
            (false, true) => "nothing to change",
            (false, false) => "dry run: nothing was changed",
        })?;
        let shown = || if differences.is_empty() { String::new() } else { rows(header, &differences) };
        app.ui.result(shown, &json!({ "applied": applied, "changes": differences }))
    }
}
