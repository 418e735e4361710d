//! How far an import is, kept beside its file, so that it can go on where it ended.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use terra_auth::DevId;

use super::rows::Rows;
use crate::{
    failure::{Advice, Kind},
    private_file,
};

/// What an import has done so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Progress {
    pub(super) dev_id: DevId,
    /// Lines that were dealt with.
    pub(super) line: u64,
    /// SHA-256 of these lines.
    pub(super) digest: String,
    #[serde(flatten)]
    pub(super) counts: Counts,
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Counts {
    pub(super) imported: u64,
    /// They were there already.
    pub(super) kept: u64,
    pub(super) refused: u64,
}

impl Progress {
    pub(super) fn save(&self, file: &Path) -> anyhow::Result<()> {
        let place = beside(file);
        private_file::replace(&place, &serde_json::to_string(self)?)
            .with_context(|| format!("could not write {}", place.display()))
    }

    /// Goes to where an earlier import of the same file into the same environment ended; answers what it did.
    pub(super) fn go_on(rows: &mut Rows, file: &Path, dev_id: &DevId) -> anyhow::Result<Counts> {
        let place = beside(file);
        let text = match fs::read_to_string(&place) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Counts::default()),
            read => read.with_context(|| format!("could not read {}", place.display()))?,
        };
        let unusable = |why: &str| {
            let message = format!("{} is of no use: {why}", place.display());
            Advice::new(Kind::Misused, message, "run it without --resume: what is there already is kept")
        };
        let earlier: Self = serde_json::from_str(&text).map_err(|_| unusable("it cannot be read"))?;
        if earlier.dev_id != *dev_id {
            return Err(unusable("it is about another environment").into());
        }
        rows.skip_to(earlier.line)?;
        if rows.digest() != earlier.digest {
            return Err(unusable("what was imported is no longer as it was in the file").into());
        }
        Ok(earlier.counts)
    }

    /// Everything was dealt with.
    pub(super) fn forget(file: &Path) {
        // Whatever is left of it is checked before it is used.
        let _ = fs::remove_file(beside(file));
    }
}

fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".progress");
    name.into()
}
