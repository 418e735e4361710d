use crate::{
    app::App,
    command::{admin::access::Access, env::settings::Owned},
};

/// Print an environment's settings as a file that can be reviewed and applied to another; no secrets
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth env export --env staging > settings.toml"])]
pub(crate) struct Args {
    #[command(flatten)]
    access: Access,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let settings = Owned::find(app, &self.access, app.environment)?.settings();
        app.ui.result(|| format!("# Settings of {}, without secrets.\n{settings}", app.environment), &settings)
    }
}
