//! Checks that files which contain a secret, or decide where one is sent, belong to this user: see
//! [`ownership`].

use std::path::Path;

use terra_auth::ownership::{self, Access, OwnershipError};

use crate::{
    failure::{CommandError, FailureKind},
    terminal::ui::Ui,
};

/// The reaction to a file that other users of the machine can read or change.
#[derive(Clone, Copy)]
pub(crate) enum OwnershipCheck {
    /// The command fails.
    Fail,
    /// The command warns and continues.
    Warn(Ui),
}

impl OwnershipCheck {
    /// Checks a file or folder, and every folder on its path. A file that does not exist passes.
    pub(crate) fn check(self, path: &Path, access: Access) -> anyhow::Result<()> {
        match ownership::check(path, access) {
            Ok(()) => Ok(()),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => self.react(&error),
        }
    }

    fn react(self, error: &OwnershipError) -> anyhow::Result<()> {
        match self {
            Self::Fail => Err(CommandError::new(FailureKind::Failed, error.to_string(), error.remedy()).into()),
            Self::Warn(ui) => Ok(ui.warn(&format!("{error}; {}", error.remedy()))?),
        }
    }
}
