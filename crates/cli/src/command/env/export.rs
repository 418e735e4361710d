use crate::{
    app::App,
    command::{admin::access::AdminOptions, env::settings::ServerEnvironment},
};

/// Export an environment's settings, without secrets, as a file for `env apply`
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth env export --env staging > settings.toml"])]
pub(crate) struct Args {
    #[command(flatten)]
    access: AdminOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let settings = ServerEnvironment::find(app, &self.access, app.environment)?.settings();
        app.ui.result(|| format!("# Settings of {}, without secrets.\n{settings}", app.environment), &settings)
    }
}
