//! All recipes that a server knows, one layer over the other.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use terra_auth_outbound::{RecipeError, Recipes};

use super::logo;
use crate::failure::{Advice, Kind};

/// The built-in recipes, those in the data directory, and those of a file; later ones take the place of earlier ones.
pub(in crate::command) fn read(data_dir: &Path, own: Option<&Path>) -> anyhow::Result<Recipes> {
    files(data_dir, own)?.map(|file| read_file(&file)).try_fold(Recipes::builtin()?, |all, more| Ok(all.with(more?)))
}

/// The files of recipes, in the same order.
pub(super) fn files(data_dir: &Path, own: Option<&Path>) -> anyhow::Result<impl Iterator<Item = PathBuf> + use<>> {
    Ok(added(data_dir)?.into_iter().chain(own.map(Path::to_owned)))
}

/// The recipes of one file.
pub(super) fn read_file(file: &Path) -> anyhow::Result<Recipes> {
    let text = fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    let recipes = Recipes::from_toml(&text, &file.display().to_string()).map_err(|error| bad_recipe(&error))?;
    recipes.with_logos(|recipe| recipe.logo_file().map(|name| logo::read(file, name)).transpose())
}

/// Where added recipes are.
pub(super) fn folder(data_dir: &Path) -> PathBuf {
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

fn bad_recipe(error: &RecipeError) -> Advice {
    Advice::new(Kind::Misused, error.to_string(), "fix it there; `terra-auth providers show OURA` shows one that works")
}
