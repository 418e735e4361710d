use serde_json::json;

use crate::app::App;

/// The version with its commit and date, because two builds of one version can differ.
pub(crate) const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("TERRA_AUTH_BUILD"), ")");

/// Print the version, the commit and the compiled features
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth version", "terra-auth version --output json | jq -r .commit"])]
pub(crate) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "all commands have the same signature")]
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let build = env!("TERRA_AUTH_BUILD");
        let (commit, date) = build.split_once(' ').unwrap_or((build, ""));
        let features = [("keyring", cfg!(feature = "keyring")), ("otel", cfg!(feature = "otel"))];
        let features: Vec<_> = features.into_iter().filter_map(|(name, is_in)| is_in.then_some(name)).collect();
        let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
        app.ui.result(
            || format!("terra-auth {VERSION}\nfeatures: {}\ntarget: {target}", features.join(", ")),
            &json!({
                "version": env!("CARGO_PKG_VERSION"), "commit": commit, "date": date, "features": features, "target": target,
            }),
        )
    }
}
