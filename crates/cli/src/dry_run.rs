//! The `--dry-run` option of every command that changes something.

use serde_json::{Value, json};

use crate::terminal::ui::Ui;

/// Reports what the command would do, without doing it.
#[derive(Clone, Copy, Default, PartialEq, clap::Args)]
pub(crate) struct DryRun {
    /// Show what would change, without changing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
}

impl DryRun {
    /// Returns whether this is a dry run, and reports it. `what` follows "Would", such as `revoke key 1`.
    pub(crate) fn report(self, ui: Ui, what: &str, json: &Value) -> anyhow::Result<bool> {
        if self.dry_run {
            ui.result(|| format!("Would {what}\nNothing was changed."), &json!({ "dry_run": true, "would": json }))?;
        }
        Ok(self.dry_run)
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use crate::args;

    /// Commands that only read, or only start something, or whose result is a file that must not exist yet.
    const COMMANDS_WITHOUT_DRY_RUN: [&str; 46] = [
        "admin tokens list",
        "audit export",
        "audit list",
        "audit verify",
        "backup",
        "completions",
        "connections access-token",
        "connections export",
        "connections revocations",
        "connections show",
        "deliveries list",
        "deliveries show",
        "deliveries tail",
        "destinations list",
        "dev",
        "doctor",
        "env diff",
        "env exec",
        "env export",
        "env list",
        "env show",
        "environments list",
        "gateway",
        "gateway check",
        "gateway events list",
        "gateway events replay",
        "gateway events show",
        "keys list",
        "list-integrations",
        "migrate status",
        "providers app check",
        "providers app list",
        "providers check",
        "providers lint",
        "providers list",
        "providers show",
        "reconcile",
        "sandbox connect",
        "serve",
        "serve check",
        "users list",
        "users show",
        "vault status",
        "vault verify",
        "verify-connection",
        "verify-webhook",
    ];

    fn walk(command: &Command, path: &str, found: &mut Vec<(String, bool)>) {
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help") {
            let path = format!("{path} {}", sub.get_name()).trim_start().to_owned();
            if !sub.is_subcommand_required_set() {
                let has = sub.get_arguments().any(|arg| arg.get_long() == Some("dry-run"));
                found.push((path.clone(), has));
            }
            walk(sub, &path, found);
        }
    }

    #[test]
    fn every_command_that_changes_something_has_a_dry_run() {
        let mut root = args::command();
        root.build();
        let mut found = Vec::new();
        walk(&root, "", &mut found);
        let wrong: Vec<_> = found
            .iter()
            .filter(|(path, has)| *path != "version" && *has == COMMANDS_WITHOUT_DRY_RUN.contains(&&**path))
            .collect();
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
