use clap::Subcommand;

use crate::{
    app::App,
    failure::{Advice, Kind},
};
pub(crate) use options::{Options, Places};
pub(crate) use run::Prepared;

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

/// Run beside an app of any language: check its login, hand out tokens and sessions, receive webhooks
///
/// The app's pages and mobile apps ask the gateway; the gateway asks the app who is logged in and calls Terra's API in that
/// user's name, with keys that never leave it. Events come in at /webhooks/terra, are kept, and are forwarded to the app,
/// signed with a secret of their own. SIGHUP makes it read everything again without dropping a request.
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
    /// Read settings, keys and secrets as a start would, and say what they amount to and where they came from
    ///
    /// Serves nothing and makes nothing.
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
            let message = "a flag before the subcommand would be for a gateway that is to run";
            return Err(Advice::new(Kind::Misused, message, "write it after the subcommand").into());
        }
        match command {
            Command::Check(options) => check::run(&options, app),
            Command::Events(command) => command.run(app),
        }
    }
}
