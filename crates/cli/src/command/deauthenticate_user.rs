use anyhow::Context as _;
use serde_json::json;
use terra_auth::{Client, UserId, wire::TerraUser};

use crate::{
    app::{self, App},
    command::users::format_day,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::{prompt, ui::shown},
};

/// Deauthenticate a user: remove the connection, and revoke the access to its data
///
/// Shows the user and asks for confirmation. The server deletes the user's data and revokes the access
/// at the provider. To connect again, the end user must log in there, which creates a new user.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth deauthenticate-user 00000000-0000-4000-8000-000000000001",
    "terra-auth deauthenticate-user 00000000-0000-4000-8000-000000000001 --yes --output json",
])]
pub(crate) struct Args {
    /// User id, as listed by `terra-auth users list`
    user_id: UserId,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { user_id, yes, dry_run } = self;
        if !yes && !dry_run.dry_run && !prompt::has_terminal() {
            return Err(no_terminal_error().into());
        }
        let client = app.client()?;
        if dry_run.dry_run {
            let info = app::block_on(client.user_info(user_id))?.context("could not look up the user")?;
            let what = format!("deauthenticate {}", consequences(app, &info.user.user));
            return dry_run.report(app.ui, &what, &json!({ "deauthenticate": info.user.user })).map(drop);
        }
        if !yes {
            confirm(app, &client, user_id)?;
        }
        app::block_on(client.deauthenticate_user(user_id))?.context("could not deauthenticate the user")?;
        app.ui.result(|| format!("Deauthenticated {user_id}"), &json!({ "success": true, "user_id": user_id }))
    }
}

/// Shows the user and asks for confirmation.
fn confirm(app: &App, client: &Client, user_id: UserId) -> anyhow::Result<()> {
    let info = app::block_on(client.user_info(user_id))?.context("could not look up the user")?;
    app.ui.note(&consequences(app, &info.user.user))?;
    if prompt::confirm("Deauthenticate this user? It cannot be undone.")? {
        return Ok(());
    }
    Err(CommandError::new(FailureKind::NotConfirmed, "not deauthenticated; nothing was changed", "answer y to confirm")
        .into())
}

fn consequences(app: &App, user: &TerraUser) -> String {
    let TerraUser { user_id, provider, reference_id, created_at, .. } = user;
    let end_user =
        reference_id.as_deref().map_or_else(|| "no reference id".to_owned(), |id| format!("“{}”", shown(id)));
    let since = created_at.map(|at| format!(" since {}", format_day(at))).unwrap_or_default();
    let environment = app.environment;
    format!(
        "{user_id} in {environment}: {provider}, {end_user}, connected{since}.\n\
         Its data is deleted, and the access at {provider} is revoked. The end user must log in there to connect again."
    )
}

fn no_terminal_error() -> CommandError {
    let next = "add --yes to skip the confirmation";
    let message = "not deauthenticated: there is no terminal for the confirmation";
    CommandError::new(FailureKind::NotConfirmed, message, next)
}
