//! Logos that the operator supplies, as files.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use terra_auth_core::provider::Logo;
use terra_auth_outbound::Recipe;

use crate::failure::{Advice, Kind};

/// Reads the logo that `file` names. A relative path starts at the folder of `file`.
pub(super) fn read(file: &Path, logo: &Path) -> anyhow::Result<Logo> {
    let path = beside(file, logo);
    let refused = |error: String| {
        let what = format!("{}: the logo {} cannot be used: {error}", file.display(), logo.display());
        Advice::new(Kind::Misused, what, "name an image file of at most 256 KiB, or remove the line `logo`")
    };
    let bytes = read_at_most(&path, Logo::MAX_BYTES + 1).map_err(|error| refused(format!("{error:#}")))?;
    Ok(Logo::new(bytes).map_err(|error| refused(error.to_string()))?)
}

/// Where the logo of a recipe is, if it has one.
pub(super) fn path_of(recipe: &Recipe) -> Option<PathBuf> {
    Some(beside(Path::new(recipe.file()), recipe.logo_file()?))
}

/// `name` from the folder of `file`.
pub(super) fn beside(file: &Path, name: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}

fn read_at_most(path: &Path, bound: usize) -> anyhow::Result<Vec<u8>> {
    let is_file = path.metadata().with_context(|| format!("could not open {}", path.display()))?.is_file();
    anyhow::ensure!(is_file, "{} is not a file", path.display());
    let mut bytes = Vec::new();
    File::open(path)?.take(bound.try_into()?).read_to_end(&mut bytes)?;
    Ok(bytes)
}
