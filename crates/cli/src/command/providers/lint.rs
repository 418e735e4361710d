use std::path::PathBuf;

use serde_json::json;

use super::layers;
use crate::app::App;

/// Check a file of recipes, and say where the first mistake is
///
/// Exits with 2 if there is one.
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth providers lint own.toml"])]
pub(crate) struct Args {
    /// Recipes, as TOML
    file: PathBuf,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = layers::read_file(&self.file)?;
        for recipe in recipes.iter().filter(|recipe| recipe.sources().is_empty()) {
            app.ui.warn(&format!("{} does not say where its facts were read", recipe.info().provider))?;
        }
        let names: Vec<_> = recipes.iter().map(|recipe| recipe.info().provider.to_string()).collect();
        app.ui.result(|| format!("fine: {}", names.join(", ")), &json!({ "fine": names }))
    }
}
