mod app;
mod check;

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::Context as _;
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};
use terra_auth::Provider;
use terra_auth_model::provider::Connects;
use terra_auth_providers::{Recipe, Recipes};

use crate::{
    app::App,
    credentials::private_file,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    service::provider_files::{
        apps::{self, OwnApp},
        layers, logo,
    },
    terminal::ui::{table, yes_or_no},
};

/// Manage the providers of `terra-auth serve`
///
/// A recipe describes a provider's login URLs and how its tokens behave. The server reads the built-in
/// recipes, then those in `providers.d` of the data directory, then your own file. A later recipe
/// replaces an earlier one for the same provider.
#[derive(Subcommand)]
pub(crate) enum Command {
    List(List),
    Show(Show),
    Lint(Lint),
    Add(Add),
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
        crate::service::provider_files::layers::read(&self.data_dir, self.providers.as_deref())
    }
}

/// Lint a file of recipes, and print the first error with its position
///
/// Exits with 2 if there is an error.
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth providers lint own.toml"])]
pub(crate) struct Lint {
    /// File of recipes, as TOML
    file: PathBuf,
}

impl Lint {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = layers::read_file(&self.file)?;
        for recipe in recipes.iter().filter(|recipe| recipe.sources().is_empty()) {
            app.ui.warn(&format!("{} does not name the sources of its facts", recipe.info().provider))?;
        }
        let names: Vec<_> = recipes.iter().map(|recipe| recipe.info().provider.to_string()).collect();
        app.ui.result(|| format!("valid: {}", names.join(", ")), &json!({ "fine": names }))
    }
}

/// List the providers that have a recipe, and how end users connect them
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers list",
    "terra-auth providers list --providers own.toml --provider-apps apps.toml",
])]
pub(crate) struct List {
    #[command(flatten)]
    paths: RecipePaths,
    /// Your app at each provider, as for `serve --provider-apps`
    #[arg(long, value_name = "FILE")]
    provider_apps: Option<PathBuf>,
}

impl List {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = self.paths.recipes()?;
        let apps = self.provider_apps.as_deref().map(apps::read).transpose()?;
        let rows: Vec<_> = recipes.iter().map(|recipe| Row::of(recipe, apps.as_ref(), crate::app::now())).collect();
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

/// Show a provider's recipe, the sources of its facts, and the unverified facts
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers show WITHINGS",
    "terra-auth providers show OURA > own.toml",
])]
pub(crate) struct Show {
    /// Provider, such as OURA
    name: Provider,
    #[command(flatten)]
    paths: RecipePaths,
}

impl Show {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = self.paths.recipes()?;
        let found = recipes.iter().find(|recipe| recipe.info().provider == self.name);
        let recipe = found.ok_or_else(|| {
            let next = "list the recipes with `terra-auth providers list`";
            CommandError::new(FailureKind::NotFound, format!("there is no recipe for {}", self.name), next)
        })?;
        if let Some(end) = recipe.is_shut_down(crate::app::now()) {
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

/// Add recipes to a server's data directory; the server reads them at SIGHUP or its next start
///
/// A new recipe replaces an added one for the same provider. If any recipe in the file is invalid,
/// none is added.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers add own.toml",
    "terra-auth providers add own.toml --data-dir /var/lib/terra-auth",
])]
pub(crate) struct Add {
    /// File of recipes, as TOML
    file: PathBuf,
    #[command(flatten)]
    dry_run: DryRun,
    /// Data directory of the server
    #[arg(long, value_name = "DIR", env = "TERRA_AUTH_DATA_DIR", default_value = ".terra-auth")]
    data_dir: PathBuf,
}

impl Add {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = layers::read_file(&self.file)?;
        let folder = layers::folder(&self.data_dir);
        let names: Vec<_> = recipes.iter().map(|recipe| recipe.info().provider.to_string()).collect();
        let what = format!("add {} to {}", names.join(", "), folder.display());
        if self.dry_run.report(app.ui, &what, &json!({ "add_recipes": names }))? {
            return Ok(());
        }
        private_file::create_dir(&self.data_dir)
            .and_then(|()| fs::create_dir_all(&folder))
            .with_context(|| format!("could not create {}", folder.display()))?;
        let added: Vec<_> = recipes.iter().map(|recipe| self.add(recipe)).collect::<Result<_, _>>()?;
        app.ui.note("a running server reads the recipes at SIGHUP; otherwise, its next start does")?;
        let shown = |file: &PathBuf| file.display().to_string();
        let files: Vec<_> = added.iter().map(shown).collect();
        app.ui.result(|| files.join("\n"), &json!({ "added": files }))
    }

    fn add(&self, recipe: &Recipe) -> anyhow::Result<PathBuf> {
        self.add_logo(recipe)?;
        let file = layers::folder(&self.data_dir).join(format!("{}.toml", recipe.info().provider.slug()));
        private_file::replace(&file, &format!("{}\n", recipe.text()))
            .with_context(|| format!("could not write {}", file.display()))?;
        Ok(file)
    }

    /// Copies the logo, because a recipe names it relative to its own folder.
    fn add_logo(&self, recipe: &Recipe) -> anyhow::Result<()> {
        let (Some(from), Some(name)) = (logo::path_of(recipe), recipe.logo_file()) else { return Ok(()) };
        let to = layers::folder(&self.data_dir).join(name);
        fs::copy(&from, &to).map(drop).with_context(|| format!("could not copy {} to {}", from.display(), to.display()))
    }
}
