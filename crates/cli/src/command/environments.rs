//! `terra-auth environments`: manages the environments of your own server.

mod create;
mod delete;
mod set;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;
use terra_auth::{
    DevId,
    wire::admin::{AdminEnvironment, ChangeEnvironment},
};

use crate::{
    app::{self, App},
    command::{admin::access::AdminOptions, users::format_minute},
    dry_run::DryRun,
    ui::{shown, table, yes_or_no},
};

/// Manage the environments of your own server
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth environments list",
    "terra-auth environments set --destination https://app.example.com/hooks",
    "terra-auth environments create --env staging --name Acme --server https://auth.acme.example",
])]
pub(crate) enum Command {
    List(List),
    Create(create::Args),
    Set(set::Args),
    Rename(Rename),
    Disable(Disable),
    Enable(Enable),
    Delete(delete::Args),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Create(args) => args.run(app),
            Self::Set(args) => args.run(app),
            Self::Rename(Rename { name, target }) => {
                target.change(app, &ChangeEnvironment { name: Some(name), ..ChangeEnvironment::default() })
            }
            Self::Disable(Disable { target }) => target.set_active(app, false),
            Self::Enable(Enable { target }) => target.set_active(app, true),
            Self::Delete(args) => args.run(app),
        }
    }
}

/// List the environments of the server
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth environments list",
    "terra-auth environments list --output json | jq '.[] | select(.active | not)'",
])]
pub(crate) struct List {
    #[command(flatten)]
    access: AdminOptions,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let admin = self.access.client(app)?;
        let environments = app::block_on(admin.list_environments())?.context("could not list the environments")?;
        app.ui.result(|| rows(&environments), &environments)
    }
}

fn rows(environments: &[AdminEnvironment]) -> String {
    let row = |environment: &AdminEnvironment| {
        let AdminEnvironment { dev_id, environment, active, users, settings, created_at } = environment;
        let users = settings.user_limit.map_or_else(|| users.to_string(), |limit| format!("{users} of {limit}"));
        let (name, active) = (shown(&settings.name), yes_or_no(Some(*active)).to_owned());
        let keeps_ids = yes_or_no(Some(settings.keep_user_id)).to_owned();
        let bound_only = yes_or_no(Some(settings.bound_tokens_only)).to_owned();
        [
            dev_id.to_string(),
            environment.to_string(),
            name,
            active,
            users,
            keeps_ids,
            bound_only,
            format_minute(*created_at),
        ]
    };
    let titles = ["dev-id", "environment", "name", "active", "users", "keep user ids", "bound tokens only", "created"];
    table(titles, environments.iter().map(row))
}

/// Selects an environment by its dev-id.
#[derive(Args)]
struct TargetEnvironment {
    /// Dev-id, as listed by `terra-auth environments list`
    dev_id: DevId,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
}

impl TargetEnvironment {
    fn set_active(self, app: &App, active: bool) -> anyhow::Result<()> {
        self.change(app, &ChangeEnvironment { active: Some(active), ..ChangeEnvironment::default() })
    }

    fn change(self, app: &App, change: &ChangeEnvironment) -> anyhow::Result<()> {
        let admin = self.access.client(app)?;
        let what = format!("change {}: {}", self.dev_id, json!(change));
        if self.dry_run.report(app.ui, &what, &json!({ "change_environment": self.dev_id, "change": change }))? {
            return Ok(());
        }
        let changed = app::block_on(admin.change_environment(&self.dev_id, change))?;
        let changed = changed.context("could not change the environment")?;
        app.ui.result(|| rows(std::slice::from_ref(&changed)), &changed)
    }
}

/// Rename an environment's app, as shown in the widget
#[derive(Args)]
#[command(after_help = examples!["terra-auth environments rename acme-testing-0000000000 --name \"Acme Health\""])]
pub(crate) struct Rename {
    /// New name of the app
    #[arg(long)]
    name: String,
    #[command(flatten)]
    target: TargetEnvironment,
}

/// Disable an environment: reject every call with its keys, without deleting data
#[derive(Args)]
#[command(after_help = examples!["terra-auth environments disable acme-testing-0000000000"])]
pub(crate) struct Disable {
    #[command(flatten)]
    target: TargetEnvironment,
}

/// Enable an environment: accept calls with its keys again
#[derive(Args)]
#[command(after_help = examples!["terra-auth environments enable acme-testing-0000000000"])]
pub(crate) struct Enable {
    #[command(flatten)]
    target: TargetEnvironment,
}
