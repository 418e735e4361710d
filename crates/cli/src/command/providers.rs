mod add;
mod app;
mod check;
mod lint;
mod list;
mod show;

use std::path::PathBuf;

use clap::Subcommand;
use terra_auth_providers::Recipes;

use crate::app::App;

/// Manage the providers of `terra-auth serve`
///
/// A recipe describes a provider's login URLs and how its tokens behave. The server reads the built-in
/// recipes, then those in `providers.d` of the data directory, then your own file. A later recipe
/// replaces an earlier one for the same provider.
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

/// The locations of recipes that are not built in.
#[derive(clap::Args)]
struct RecipePaths {
    /// Data directory of the server, with its `providers.d`
    #[arg(long, value_name = "DIR", env = "TERRA_AUTH_DATA_DIR", default_value = ".terra-auth")]
    data_dir: PathBuf,
    /// Your own recipes, as for `serve --providers`
    #[arg(long, value_name = "FILE")]
    providers: Option<PathBuf>,
}

impl RecipePaths {
    fn recipes(&self) -> anyhow::Result<Recipes> {
        crate::provider_files::layers::read(&self.data_dir, self.providers.as_deref())
    }
}
