use std::path::PathBuf;

use clap::Subcommand;
use terra_auth_outbound::Recipes;

use crate::app::App;

mod add;
mod app;
mod apps;
mod check;
pub(crate) mod files;
mod layers;
mod lint;
mod list;
mod logo;
mod show;

/// Manage the providers that `terra-auth serve` knows
///
/// A recipe says where a provider's login is and how its tokens behave. The built-in ones are followed by those in the
/// data directory's `providers.d`, and these by a file of your own; a later recipe takes the place of an earlier one for
/// the same provider.
#[derive(Subcommand)]
pub(crate) enum Command {
    List(list::Args),
    Show(show::Args),
    Lint(lint::Args),
    Add(add::Args),
    Check(check::Args),
    #[command(subcommand)]
    App(app::Command),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Lint(args) => args.run(app),
            Self::Add(args) => args.run(app),
            Self::Check(args) => args.run(app),
            Self::App(command) => command.run(app),
        }
    }
}

/// Where recipes come from besides the program itself.
#[derive(clap::Args)]
struct Places {
    /// The server's data directory, with its `providers.d`
    #[arg(long, value_name = "DIR", env = "TERRA_AUTH_DATA_DIR", default_value = ".terra-auth")]
    data_dir: PathBuf,
    /// Recipes of your own, as `serve --providers` takes them
    #[arg(long, value_name = "FILE")]
    providers: Option<PathBuf>,
}

impl Places {
    fn recipes(&self) -> anyhow::Result<Recipes> {
        layers::read(&self.data_dir, self.providers.as_deref())
    }
}
