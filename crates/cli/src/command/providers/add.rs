use std::{fs, path::PathBuf};

use anyhow::Context as _;
use serde_json::json;
use terra_auth_outbound::Recipe;

use super::{layers, logo};
use crate::{app::App, dry_run::DryRun, private_file};

/// Add recipes to a server's data directory, where it finds them at SIGHUP or its next start
///
/// A recipe for a provider that was added before takes its place. Nothing is added if any recipe in the file is bad.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers add own.toml",
    "terra-auth providers add own.toml --data-dir /var/lib/terra-auth",
])]
pub(crate) struct Args {
    /// Recipes, as TOML
    file: PathBuf,
    #[command(flatten)]
    dry_run: DryRun,
    /// The server's data directory
    #[arg(long, value_name = "DIR", env = "TERRA_AUTH_DATA_DIR", default_value = ".terra-auth")]
    data_dir: PathBuf,
}

impl Args {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let recipes = layers::read_file(&self.file)?;
        let folder = layers::folder(&self.data_dir);
        let names: Vec<_> = recipes.iter().map(|recipe| recipe.info().provider.to_string()).collect();
        let what = format!("add {} to {}", names.join(", "), folder.display());
        if self.dry_run.stops(app.ui, &what, &json!({ "add_recipes": names }))? {
            return Ok(());
        }
        private_file::create_dir(&self.data_dir)
            .and_then(|()| fs::create_dir_all(&folder))
            .with_context(|| format!("could not make {}", folder.display()))?;
        let added: Vec<_> = recipes.iter().map(|recipe| self.add(recipe)).collect::<Result<_, _>>()?;
        app.ui.note("a server finds them at its next start; one that runs takes them at SIGHUP")?;
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

    /// Recipes name their logos from the folder that they lie in.
    fn add_logo(&self, recipe: &Recipe) -> anyhow::Result<()> {
        let (Some(from), Some(name)) = (logo::path_of(recipe), recipe.logo_file()) else { return Ok(()) };
        let to = layers::folder(&self.data_dir).join(name);
        fs::copy(&from, &to).map(drop).with_context(|| format!("could not copy {} to {}", from.display(), to.display()))
    }
}
