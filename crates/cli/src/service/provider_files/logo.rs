//! Logo files of the operator.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use terra_auth_model::provider::Logo;
use terra_auth_providers::Recipe;

use crate::failure::{CommandError, FailureKind};

/// Reads the logo that `file` names. A relative path is resolved against the folder of `file`.
pub(crate) fn read(file: &Path, logo: &Path) -> anyhow::Result<Logo> {
    let path = beside(file, logo);
    let refused = |error: String| {
        let what = format!("{}: the logo {} cannot be used: {error}", file.display(), logo.display());
        CommandError::new(
            FailureKind::Misused,
            what,
            "name an image file of at most 256 KiB, or remove the line `logo`",
        )
    };
    let bytes = read_at_most(&path, Logo::MAX_BYTES + 1).map_err(|error| refused(format!("{error:#}")))?;
    Ok(Logo::new(bytes).map_err(|error| refused(error.to_string()))?)
}

/// The path of a recipe's logo, if it has one.
pub(crate) fn path_of(recipe: &Recipe) -> Option<PathBuf> {
    Some(beside(Path::new(recipe.file()), recipe.logo_file()?))
}

/// Resolves `name` against the folder of `file`.
pub(crate) fn beside(file: &Path, name: &Path) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(name)
}

fn read_at_most(path: &Path, bound: usize) -> anyhow::Result<Vec<u8>> {
    let is_file = path.metadata().with_context(|| format!("could not open {}", path.display()))?.is_file();
    anyhow::ensure!(is_file, "{} is not a file", path.display());
    let mut bytes = Vec::new();
    File::open(path)?.take(bound.try_into()?).read_to_end(&mut bytes)?;
    Ok(bytes)
}
