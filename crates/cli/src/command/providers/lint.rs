use std::path::PathBuf;

use serde_json::json;

use crate::{app::App, provider_files::layers};

/// Lint a file of recipes, and print the first error with its position
///
/// Exits with 2 if there is an error.
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth providers lint own.toml"])]
pub(crate) struct Args {
    /// File of recipes, as TOML
    file: PathBuf,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = layers::read_file(&self.file)?;
        for recipe in recipes.iter().filter(|recipe| recipe.sources().is_empty()) {
            app.ui.warn(&format!("{} does not name the sources of its facts", recipe.info().provider))?;
        }
        let names: Vec<_> = recipes.iter().map(|recipe| recipe.info().provider.to_string()).collect();
        app.ui.result(|| format!("valid: {}", names.join(", ")), &json!({ "fine": names }))
    }
}
