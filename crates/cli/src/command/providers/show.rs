use serde_json::json;
use terra_auth::Provider;

use super::Places;
use crate::{
    app::{self, App},
    failure::{Advice, Kind},
};

/// Show a provider's recipe, where its facts were read, and what nobody has confirmed
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers show WITHINGS",
    "terra-auth providers show OURA > own.toml",
])]
pub(crate) struct Args {
    /// The provider, such as OURA
    name: Provider,
    #[command(flatten)]
    places: Places,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = self.places.recipes()?;
        let found = recipes.iter().find(|recipe| recipe.info().provider == self.name);
        let recipe = found.ok_or_else(|| {
            let next = "see which there are with `terra-auth providers list`";
            Advice::new(Kind::NotFound, format!("there is no recipe for {}", self.name), next)
        })?;
        if let Some(end) = recipe.is_shut_down(app::now()) {
            app.ui.warn(&format!("{} is not offered any more: {}", self.name, end.why))?;
        }
        app.ui.note(&format!("from {}", recipe.file()))?;
        let json = json!({
            "provider": self.name, "recipe": recipe.file(), "toml": recipe.text(), "sources": recipe.sources(),
            "profiles": recipe.profiles().collect::<std::collections::BTreeMap<_, _>>(), "app_limits": recipe.app_limits(), "unverified": recipe.unverified(), "shutdown": recipe.shutdown().map(|end| end.on.to_string()),
        });
        app.ui.result(|| recipe.text().to_owned(), &json)
    }
}
