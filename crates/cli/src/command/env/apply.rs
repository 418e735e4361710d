use std::path::PathBuf;

use anyhow::Context as _;
use clap::ValueHint;
use serde_json::json;

use crate::{
    app::{self, App},
    ask,
    command::{
        admin::access::Access,
        env::{
            diff::rows,
            settings::{Owned, read},
        },
    },
};

/// Give an environment the settings of a file, after showing what will change
///
/// What the file does not name stays as it is. `env export` writes such a file.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env apply settings.toml --env production --dry-run",
    "terra-auth env apply settings.toml --env production --yes",
])]
pub(crate) struct Args {
    /// A settings file
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Only show what would change
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    access: Access,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let wanted = read(&self.file)?;
        let owned = Owned::find(app, &self.access, app.environment)?;
        let differences = owned.settings().differences(&wanted);
        let header = ["setting", "now", "then"];
        let applied = !self.dry_run && !differences.is_empty();
        if applied {
            let question = || Ok(format!("{}\n\nApply this to {}?", rows(header, &differences), app.environment));
            ask::sure(self.yes, "applied", question)?;
            let change = wanted.to_change();
            app::wait(owned.admin.change_environment(&owned.dev_id, &change))?
                .context("could not apply the settings")?;
        }
        app.ui.note(match (applied, differences.is_empty()) {
            (true, _) => "applied",
            (false, true) => "nothing to change",
            (false, false) => "a dry run: nothing was changed",
        })?;
        let shown = || if differences.is_empty() { String::new() } else { rows(header, &differences) };
        app.ui.result(shown, &json!({ "applied": applied, "changes": differences }))
    }
}
