//! The progress of an import, stored in a file beside the imported one. `--resume` continues from it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use terra_auth::DevId;

use super::rows::ImportRows;
use crate::{
    credentials::private_file,
    failure::{CommandError, FailureKind},
};

/// The recorded state of an import.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportProgress {
    pub(super) dev_id: DevId,
    /// The number of processed lines.
    pub(super) line: u64,
    /// SHA-256 of these lines.
    pub(super) digest: String,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

/// The number of rows with each result.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) imported: u64,
    /// Already connected, and left unchanged.
    pub(super) kept: u64,
    pub(super) refused: u64,
}

impl ImportProgress {
    pub(super) fn save(&self, file: &Path) -> anyhow::Result<()> {
        let path = progress_file(file);
        private_file::replace(&path, &serde_json::to_string(self)?)
            .with_context(|| format!("could not write {}", path.display()))
    }

    /// Skips the lines that an earlier import of the same file into the same environment processed. Returns the
    /// counts of that import.
    pub(super) fn resume(rows: &mut ImportRows, file: &Path, dev_id: &DevId) -> anyhow::Result<Counts> {
        let path = progress_file(file);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Counts::default()),
            read => read.with_context(|| format!("could not read {}", path.display()))?,
        };
        let unusable = |why: &str| {
            let message = format!("cannot resume from {}: {why}", path.display());
            let next = "run the import without --resume; existing connections are left unchanged";
            CommandError::new(FailureKind::Misused, message, next)
        };
        let earlier: Self = serde_json::from_str(&text).map_err(|_| unusable("it cannot be parsed"))?;
        if earlier.dev_id != *dev_id {
            return Err(unusable("it belongs to another environment").into());
        }
        rows.skip_to(earlier.line)?;
        if rows.digest() != earlier.digest {
            return Err(unusable("the imported lines of the file have changed since").into());
        }
        Ok(earlier.counts)
    }

    /// Deletes the record after a complete import.
    pub(super) fn delete(file: &Path) {
        // A record that cannot be deleted is harmless: `--resume` checks it before use.
        let _ = fs::remove_file(progress_file(file));
    }
}

fn progress_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".progress");
    name.into()
}
