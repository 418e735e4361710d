use serde_json::json;
use terra_auth::Provider;

use super::RecipePaths;
use crate::{
    app::{self, App},
    failure::{CommandError, FailureKind},
};

/// Show a provider's recipe, the sources of its facts, and the unverified facts
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers show WITHINGS",
    "terra-auth providers show OURA > own.toml",
])]
pub(crate) struct Args {
    /// Provider, such as OURA
    name: Provider,
    #[command(flatten)]
    paths: RecipePaths,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = self.paths.recipes()?;
        let found = recipes.iter().find(|recipe| recipe.info().provider == self.name);
        let recipe = found.ok_or_else(|| {
            let next = "list the recipes with `terra-auth providers list`";
            CommandError::new(FailureKind::NotFound, format!("there is no recipe for {}", self.name), next)
        })?;
        if let Some(end) = recipe.is_shut_down(app::now()) {
            app.ui.warn(&format!("{} is no longer offered: {}", self.name, end.why))?;
        }
        app.ui.note(&format!("from {}", recipe.file()))?;
        let json = json!({
            "provider": self.name, "recipe": recipe.file(), "toml": recipe.text(), "sources": recipe.sources(),
            "profiles": recipe.profiles().collect::<std::collections::BTreeMap<_, _>>(), "app_limits": recipe.app_limits(), "unverified": recipe.unverified(), "shutdown": recipe.shutdown().map(|end| end.on.to_string()),
        });
        app.ui.result(|| recipe.text().to_owned(), &json)
    }
}
