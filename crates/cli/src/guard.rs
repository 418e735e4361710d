//! Files that hold a secret, or decide where one goes, must be this user's own: see [`ownership`].

use std::path::Path;

use terra_auth::ownership::{self, Access, OwnershipError};

use crate::{
    failure::{Advice, Kind},
    ui::Ui,
};

/// What happens if other users of the machine can read or change a file.
#[derive(Clone, Copy)]
pub(crate) enum Guard {
    /// The command fails.
    Refuses,
    /// The command warns, and does what it was asked to do.
    Warns(Ui),
}

impl Guard {
    /// Checks a file or folder, and every folder on the way to it. One that does not exist passes, as it holds nothing.
    pub(crate) fn check(self, path: &Path, access: Access) -> anyhow::Result<()> {
        match ownership::check(path, access) {
            Ok(()) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => self.found(&error),
        }
    }

    fn found(self, error: &OwnershipError) -> anyhow::Result<()> {
        match self {
            Self::Refuses => Err(Advice::new(Kind::Failed, error.to_string(), error.remedy()).into()),
            Self::Warns(ui) => Ok(ui.warn(&format!("{error}; {}", error.remedy()))?),
        }
    }
}
