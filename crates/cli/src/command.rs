//! The commands. To add one, write a file with its `Args` and their `run`, then add a variant and a match arm here.

mod admin;
mod api;
mod audit;
mod backup;
mod completions;
mod connections;
mod deauthenticate_user;
mod deliveries;
mod destinations;
mod dev;
mod doctor;
mod env;
mod environments;
mod gateway;
mod generate_mobile_token;
mod generate_widget_session;
mod keys;
mod list_integrations;
mod migrate;
pub(crate) mod providers;
mod reconcile;
mod restore;
mod sandbox;
mod serve;
mod setup_environment;
mod trigger;
mod users;
mod vault;
mod verify_connection;
mod verify_webhook;
mod version;

use clap::Subcommand;
use terra_auth::Environment;

use crate::{
    app::App,
    failure::{CommandError, FailureKind},
    terminal::ui::Ui,
};
pub(crate) use version::VERSION;

#[derive(Subcommand)]
pub(crate) enum Command {
    Dev(dev::Args),
    SetupEnvironment(setup_environment::Args),
    #[command(subcommand)]
    Env(env::Command),
    VerifyConnection(verify_connection::Args),
    Doctor(doctor::Args),
    ListIntegrations(list_integrations::Args),
    GenerateWidgetSession(generate_widget_session::Args),
    GenerateMobileToken(generate_mobile_token::Args),
    #[command(subcommand)]
    Users(users::Command),
    DeauthenticateUser(deauthenticate_user::Args),
    VerifyWebhook(verify_webhook::Args),
    Serve(serve::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    #[command(subcommand)]
    Vault(vault::Command),
    Gateway(Box<gateway::Args>),
    Reconcile(reconcile::Args),
    #[command(subcommand)]
    Sandbox(sandbox::Command),
    #[command(subcommand)]
    Providers(providers::Command),
    #[command(subcommand)]
    Keys(keys::Command),
    #[command(subcommand)]
    Environments(environments::Command),
    #[command(subcommand)]
    Connections(connections::Command),
    #[command(subcommand)]
    Deliveries(deliveries::Command),
    #[command(subcommand)]
    Destinations(destinations::Command),
    Trigger(trigger::Args),
    #[command(subcommand)]
    Migrate(migrate::Command),
    #[command(subcommand)]
    Admin(admin::Command),
    #[command(subcommand)]
    Audit(audit::Command),
    Api(api::Args),
    Completions(completions::Args),
    Version(version::Args),
}

impl Command {
    /// Runs the command with `--env all`.
    pub(crate) fn run_for_all(self, ui: Ui) -> anyhow::Result<()> {
        match self {
            Self::VerifyConnection(args) => args.run_for_all(ui),
            Self::Doctor(args) => args.run(&App { environment: Environment::default(), ui }),
            _ => Err(CommandError::new(
                FailureKind::Misused,
                "only verify-connection and doctor accept --env all",
                "pass one environment: testing, staging or production",
            )
            .into()),
        }
    }

    /// Runs the command. `root` returns the tree of all commands, for the completion scripts.
    pub(crate) fn run(self, app: &App, root: impl FnOnce() -> clap::Command) -> anyhow::Result<()> {
        match self {
            Self::Dev(args) => args.run(app),
            Self::SetupEnvironment(args) => args.run(app),
            Self::Env(command) => command.run(app),
            Self::VerifyConnection(args) => args.run(app),
            Self::Doctor(args) => args.run(app),
            Self::ListIntegrations(args) => args.run(app),
            Self::GenerateWidgetSession(args) => args.run(app),
            Self::GenerateMobileToken(args) => args.run(app),
            Self::Users(command) => command.run(app),
            Self::DeauthenticateUser(args) => args.run(app),
            Self::VerifyWebhook(args) => args.run(app),
            Self::Serve(args) => args.run(app),
            Self::Backup(args) => args.run(app),
            Self::Restore(args) => args.run(app),
            Self::Vault(command) => command.run(app),
            Self::Gateway(args) => args.run(app),
            Self::Reconcile(args) => args.run(app),
            Self::Sandbox(command) => command.run(app),
            Self::Providers(command) => command.run(app),
            Self::Keys(command) => command.run(app),
            Self::Environments(command) => command.run(app),
            Self::Connections(command) => command.run(app),
            Self::Deliveries(command) => command.run(app),
            Self::Destinations(command) => command.run(app),
            Self::Trigger(args) => args.run(app),
            Self::Migrate(command) => command.run(app),
            Self::Admin(command) => command.run(app),
            Self::Audit(command) => command.run(app),
            Self::Api(args) => args.run(app),
            Self::Completions(args) => args.run(root()),
            Self::Version(args) => args.run(app),
        }
    }
}
