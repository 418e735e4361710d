//! `terra-auth environments`: manages the environments of your own server.

mod set;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;
use terra_auth::{
    DevId,
    credentials::{API_KEY, API_URL, DEV_ID, SIGNING_SECRET},
    wire::admin::{AdminEnvironment, ChangeEnvironment, CreateEnvironment, EnvironmentContents},
};

use crate::{
    app::{self, App},
    command::{admin::access::AdminOptions, users::format_minute},
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::{
        prompt,
        ui::{count, shown, table, yes_or_no},
    },
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
    Create(Create),
    Set(set::Args),
    Rename(Rename),
    Disable(Disable),
    Enable(Enable),
    Delete(Delete),
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

/// Create an environment of the type given with --env, and print its credentials once
///
/// The output is a complete credential file.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth environments create --env staging --name Acme --server https://auth.acme.example",
    "terra-auth environments create --name \"Acme, second team\" --output json",
    "terra-auth environments create --env production --name Acme --bound-tokens-only",
])]
pub(crate) struct Create {
    /// Name of the app in the widget
    #[arg(long)]
    name: String,
    /// Reject mobile tokens that were not created for a reference id
    #[arg(long)]
    bound_tokens_only: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
}

impl Create {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { name, bound_tokens_only, dry_run, access } = self;
        let server = access.server(app)?;
        let new = CreateEnvironment { environment: app.environment, name, bound_tokens_only };
        let what = format!("create a {} environment called {} at {}", new.environment, shown(&new.name), *server);
        if dry_run.report(app.ui, &what, &json!({ "create_environment": new }))? {
            return Ok(());
        }
        let issued = app::block_on(access.client_for(app, &server)?.create_environment(&new))?;
        let issued = issued.context("could not create an environment")?;
        let api_url = server.join("/v2")?;
        let lines = || {
            let (dev_id, api_key, secret) = (&issued.dev_id, issued.api_key.expose(), issued.signing_secret.expose());
            format!("{DEV_ID}={dev_id}\n{API_KEY}={api_key}\n{SIGNING_SECRET}={secret}\n{API_URL}={api_url}")
        };
        app.ui.result(lines, &issued)?;
        Ok(app.ui.note("store them safely; they are not shown again")?)
    }
}

/// Delete an environment and all of its data
///
/// Lists what is deleted, and asks you to type the dev-id. Afterwards, the server revokes the access
/// to the users' data at the providers.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth environments delete acme-testing-0000000000",
    "terra-auth environments delete acme-testing-0000000000 --yes --output json",
])]
pub(crate) struct Delete {
    /// Dev-id, as listed by `terra-auth environments list`
    dev_id: DevId,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
}

impl Delete {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { dev_id, yes, dry_run, access } = self;
        if !yes && !dry_run.dry_run && !prompt::has_terminal() {
            return Err(prompt::no_terminal("deleted").into());
        }
        let admin = access.client(app)?;
        let contents = app::block_on(admin.environment_contents(&dev_id))?.context("could not read the environment")?;
        let what = format!("delete {dev_id}\n{}", consequences(&dev_id, contents));
        if dry_run.report(app.ui, &what, &json!({ "delete_environment": dev_id, "lost": contents }))? {
            return Ok(());
        }
        app.ui.note(&consequences(&dev_id, contents))?;
        if !yes && prompt::text("Type the dev-id to delete the environment:", None)? != dev_id.as_str() {
            let message = "not deleted: the dev-id does not match; nothing was changed";
            return Err(
                CommandError::new(FailureKind::NotConfirmed, message, format!("type {dev_id} to confirm")).into()
            );
        }
        let deleted = app::block_on(admin.delete_environment(&dev_id, contents))?;
        deleted.context("could not delete the environment completely")?;
        app.ui.result(|| format!("Deleted {dev_id}"), &json!({ "success": true, "dev_id": dev_id, "lost": contents }))
    }
}

fn consequences(dev_id: &DevId, contents: EnvironmentContents) -> String {
    let EnvironmentContents { users, api_keys, waiting_deliveries } = contents;
    format!(
        "This deletes {dev_id} with {}, who must connect again, {}, and {} in the delivery queue. It cannot be undone.",
        count(users, "user"),
        count(api_keys, "API key"),
        count(waiting_deliveries, "event"),
    )
}
