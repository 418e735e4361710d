use std::{collections::BTreeMap, path::PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};
use terra_auth_model::provider::Connects;
use terra_auth_providers::Recipe;

use super::RecipePaths;
use crate::{
    app::{self, App},
    provider_files::apps::{self, OwnApp},
    ui::{table, yes_or_no},
};

/// List the providers that have a recipe, and how end users connect them
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers list",
    "terra-auth providers list --providers own.toml --provider-apps apps.toml",
])]
pub(crate) struct Args {
    #[command(flatten)]
    paths: RecipePaths,
    /// Your app at each provider, as for `serve --provider-apps`
    #[arg(long, value_name = "FILE")]
    provider_apps: Option<PathBuf>,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = self.paths.recipes()?;
        let apps = self.provider_apps.as_deref().map(apps::read).transpose()?;
        let rows: Vec<_> = recipes.iter().map(|recipe| Row::of(recipe, apps.as_ref(), app::now())).collect();
        let header = ["PROVIDER", "NAME", "CONNECTS", "APP", "RECIPE", "REMARK"];
        let json = rows.iter().map(Row::json).collect::<Vec<_>>();
        app.ui.result(|| table(header, rows.iter().map(Row::cells)), &json)
    }
}

struct Row<'a> {
    recipe: &'a Recipe,
    connects: &'static str,
    /// `None` if the provider needs no app, or if no apps were passed.
    has_app: Option<bool>,
    has_shut_down: bool,
}

impl<'a> Row<'a> {
    fn of(recipe: &'a Recipe, apps: Option<&BTreeMap<String, OwnApp>>, now: Timestamp) -> Self {
        let info = recipe.info();
        let (connects, needs_app) = match info.connects {
            Connects::ByLogin => ("by login", true),
            Connects::OnDevice => ("on device", false),
        };
        let has_app = apps.filter(|_| needs_app).map(|apps| apps.contains_key(info.provider.as_str()));
        Self { recipe, connects, has_app, has_shut_down: recipe.is_shut_down(now).is_some() }
    }

    fn cells(&self) -> [String; 6] {
        let info = self.recipe.info();
        let remark = match self.recipe.shutdown() {
            Some(end) if self.has_shut_down => format!("shut down on {}", end.on),
            Some(end) => format!("shuts down on {}", end.on),
            None => String::new(),
        };
        let app = yes_or_no(self.has_app).to_owned();
        [info.provider.to_string(), info.name, self.connects.to_owned(), app, self.recipe.file().to_owned(), remark]
    }

    fn json(&self) -> Value {
        let info = self.recipe.info();
        json!({
            "provider": info.provider, "name": info.name, "connects": self.connects, "has_app": self.has_app,
            "recipe": self.recipe.file(), "shutdown": self.recipe.shutdown().map(|end| end.on.to_string()),
            "has_shut_down": self.has_shut_down,
        })
    }
}
