use std::{fs, path::PathBuf};

use anyhow::Context as _;
use serde_json::json;
use terra_auth_providers::Recipe;

use crate::{
    app::App,
    dry_run::DryRun,
    private_file,
    provider_files::{layers, logo},
};

/// Add recipes to a server's data directory; the server reads them at SIGHUP or its next start
///
/// A new recipe replaces an added one for the same provider. If any recipe in the file is invalid,
/// none is added.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers add own.toml",
    "terra-auth providers add own.toml --data-dir /var/lib/terra-auth",
])]
pub(crate) struct Args {
    /// File of recipes, as TOML
    file: PathBuf,
    #[command(flatten)]
    dry_run: DryRun,
    /// Data directory of the server
    #[arg(long, value_name = "DIR", env = "TERRA_AUTH_DATA_DIR", default_value = ".terra-auth")]
    data_dir: PathBuf,
}

impl Args {
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
