use anyhow::Context as _;
use serde_json::json;
use terra_auth::{Client, UserId, wire::TerraUser};

use crate::{
    app::{self, App},
    ask,
    command::users::day,
    dry_run::DryRun,
    failure::{Advice, Kind},
    ui::shown,
};

/// Deauthenticate a user: remove the connection, and revoke the access to its data
///
/// Says whom it is about and asks first. The server deletes what it keeps of the user and revokes the access at the
/// provider; the end user must log in there again, which makes another user.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth deauthenticate-user 00000000-0000-4000-8000-000000000001",
    "terra-auth deauthenticate-user 00000000-0000-4000-8000-000000000001 --yes --output json",
])]
pub(crate) struct Args {
    /// The user, as `terra-auth users list` shows it
    user_id: UserId,
    /// Do it without asking; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { user_id, yes, dry_run } = self;
        if !yes && !dry_run.dry_run && !ask::possible() {
            return Err(not_asked().into());
        }
        let client = app.client()?;
        if dry_run.dry_run {
            let info = app::wait(client.user_info(user_id))?.context("could not look the user up")?;
            let what = format!("deauthenticate {}", lost(app, &info.user.user));
            return dry_run.stops(app.ui, &what, &json!({ "deauthenticate": info.user.user })).map(drop);
        }
        if !yes {
            confirm(app, &client, user_id)?;
        }
        app::wait(client.deauthenticate_user(user_id))?.context("could not deauthenticate the user")?;
        app.ui.result(|| format!("Deauthenticated {user_id}"), &json!({ "success": true, "user_id": user_id }))
    }
}

/// Names what is lost and asks.
fn confirm(app: &App, client: &Client, user_id: UserId) -> anyhow::Result<()> {
    let info = app::wait(client.user_info(user_id))?.context("could not look the user up")?;
    app.ui.note(&lost(app, &info.user.user))?;
    if ask::confirm("Deauthenticate this user? It cannot be undone.")? {
        return Ok(());
    }
    Err(Advice::new(Kind::NotConfirmed, "not deauthenticated; nothing was changed", "answer y to do it").into())
}

fn lost(app: &App, user: &TerraUser) -> String {
    let TerraUser { user_id, provider, reference_id, created_at, .. } = user;
    let whose =
        reference_id.as_deref().map_or_else(|| "nobody in particular".to_owned(), |id| format!("“{}”", shown(id)));
    let since = created_at.map(|at| format!(" since {}", day(at))).unwrap_or_default();
    let environment = app.environment;
    format!(
        "{user_id} in {environment}: {provider} of {whose}, connected{since}.\n\
         Its data is deleted and the access at {provider} revoked; whoever it is must log in there again."
    )
}

fn not_asked() -> Advice {
    let next = "add --yes to do it without being asked";
    Advice::new(Kind::NotConfirmed, "not deauthenticated: there is no terminal to ask on", next)
}
