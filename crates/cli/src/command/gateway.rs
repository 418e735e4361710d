mod check;
mod destination;
mod events;
mod inbox;
mod operations;
mod options;
mod reload;
mod run;
mod sources;
mod summary;
mod welcome;

use clap::Subcommand;

use crate::{
    app::App,
    failure::{CommandError, FailureKind},
};
pub(crate) use options::{GatewayPaths, Options};
pub(crate) use run::PreparedGateway;

/// Run a gateway beside your app: check its login, create tokens and sessions, receive webhooks
///
/// The app's web pages and mobile apps call the gateway. The gateway checks the app's own login and
/// calls Terra's API for the logged-in user. Its API keys are never sent to a page or a mobile app.
/// It receives events at /webhooks/terra, stores them, and forwards them to the app, signed with its
/// own secret. SIGHUP reloads settings, keys and secrets without dropping a request.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth gateway --who-am-i http://localhost:3000/me --forward-to http://localhost:3000/hooks",
    "terra-auth gateway --env production --config /etc/terra-auth-gateway/gateway.toml",
    "terra-auth gateway check --env production",
])]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Check settings, keys and secrets, and print the effective values and their sources
    ///
    /// Reads the same files and variables as a start. Opens no port and creates no files.
    #[command(after_help = examples![
        "terra-auth gateway check --env production",
        "terra-auth gateway check --config /etc/terra-auth-gateway/gateway.toml --output json",
    ])]
    Check(Box<Options>),
    #[command(subcommand)]
    Events(events::Command),
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Some(command) = self.command else { return run::run(self.options, app) };
        if self.options != Options::default() {
            let message = "an option before the subcommand has no effect";
            return Err(CommandError::new(FailureKind::Misused, message, "write it after the subcommand").into());
        }
        match command {
            Command::Check(options) => check::run(&options, app),
            Command::Events(command) => command.run(app),
        }
    }
}
