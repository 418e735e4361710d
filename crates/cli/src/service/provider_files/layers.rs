//! All recipes of a server, in layers.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use terra_auth_providers::{RecipeError, Recipes};

use crate::{
    failure::{CommandError, FailureKind},
    service::provider_files::logo,
};

/// The built-in recipes, those in the data directory, and those in a file. Later ones override
/// earlier ones.
pub(crate) fn read(data_dir: &Path, own: Option<&Path>) -> anyhow::Result<Recipes> {
    files(data_dir, own)?.map(|file| read_file(&file)).try_fold(Recipes::builtin()?, |all, more| Ok(all.with(more?)))
}

/// The files of recipes, in the same order.
pub(crate) fn files(data_dir: &Path, own: Option<&Path>) -> anyhow::Result<impl Iterator<Item = PathBuf> + use<>> {
    Ok(added(data_dir)?.into_iter().chain(own.map(Path::to_owned)))
}

/// The recipes of one file.
pub(crate) fn read_file(file: &Path) -> anyhow::Result<Recipes> {
    let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    let recipes = Recipes::from_toml(&text, &file.display().to_string()).map_err(|error| bad_recipe(&error))?;
    recipes.with_logos(|recipe| recipe.logo_file().map(|name| logo::read(file, name)).transpose())
}

/// The folder of added recipes.
pub(crate) fn folder(data_dir: &Path) -> PathBuf {
    data_dir.join("providers.d")
}

fn added(data_dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let folder = folder(data_dir);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("could not read {}", folder.display())),
    };
    let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Ok(files)
}

fn bad_recipe(error: &RecipeError) -> CommandError {
    CommandError::new(
        FailureKind::Misused,
        error.to_string(),
        "fix the recipe; `terra-auth providers show OURA` shows a valid one",
    )
}
