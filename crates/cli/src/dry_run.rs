//! `--dry-run`, which every command that changes something takes.

use serde_json::{Value, json};

use crate::ui::Ui;

/// Says what would be done, and does not do it.
#[derive(Clone, Copy, Default, PartialEq, clap::Args)]
pub(crate) struct DryRun {
    /// Show what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl DryRun {
    /// Whether the command ends here. `what` follows "Would", such as `revoke key 1`.
    pub(crate) fn stops(self, ui: Ui, what: &str, json: &Value) -> anyhow::Result<bool> {
        if self.dry_run {
            ui.result(|| format!("Would {what}\nNothing was changed."), &json!({ "dry_run": true, "would": json }))?;
        }
        Ok(self.dry_run)
    }
}
