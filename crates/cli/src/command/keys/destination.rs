//! Where a new key or secret is stored: in the credential file or, if the file refers to it, the keyring.

use anyhow::Context as _;
use terra_auth::credentials::{self, Audience, Reference, Source};

use super::target::Target;
use crate::{
    app::App,
    credential_file::{self, CredentialFile},
    failure::{CommandError, FailureKind},
};

/// The storage of a new key. It is checked before the server creates the key, so the new key is not lost.
pub(super) enum KeyDestination {
    File(Box<CredentialFile>),
    Keyring(Reference, Audience),
}

impl KeyDestination {
    /// The storage of `key`, a variable of the environment's credential file.
    pub(super) fn of(app: &App, target: &Target, key: &str) -> anyhow::Result<Self> {
        let folder = credentials::credential_folder(app.environment);
        let file = CredentialFile::open_in(&folder, app.environment)?;
        let Some(credentials) = &target.credentials else {
            return Err(cannot_write(&format!("{} is not the credential file of {}", file.name, target.dev_id)).into());
        };
        if !matches!(&credentials.source, Source::File(path) if *path == file.path) {
            let message = format!("the keys come from {}, not from {}", credentials.source, file.name);
            return Err(cannot_write(&message).into());
        }
        if !target.accepts_new_keys {
            let message = format!("{} is not trusted, so no new secret is written to it", file.name);
            let next = format!("review the file, then run `terra-auth env trust {}`", file.name);
            return Err(CommandError::new(FailureKind::NoCredentials, message, next).into());
        }
        match file.value(key).map(Reference::parse).transpose()?.flatten() {
            None => Ok(Self::File(Box::new(file))),
            Some(Reference::Command(_)) => {
                Err(cannot_write(&format!("{} reads {key} from a command, which cannot store a key", file.name)).into())
            }
            Some(keyring) => Ok(Self::Keyring(keyring, credentials.audience())),
        }
    }

    /// Stores the new value and returns its location. Other lines of the file stay unchanged.
    pub(super) fn write_key(self, app: &App, key: &str, value: &str) -> anyhow::Result<String> {
        match self {
            Self::Keyring(reference, audience) => {
                reference.store(&audience, value).with_context(|| format!("could not write to the {reference}"))?;
                Ok(format!("the {reference}"))
            }
            Self::File(mut file) => {
                file.entries.set(key, value);
                if credential_file::write(&[&*file])? {
                    app.ui.note("Added .env.terra.* to .gitignore")?;
                }
                Ok(file.name)
            }
        }
    }
}

fn cannot_write(message: &str) -> CommandError {
    let next = "add --print to print it once instead, then store it yourself";
    CommandError::new(FailureKind::Misused, message, next)
}

/// The error if a new key could not be saved after the server created it. The caller prints the key first.
pub(super) fn save_error(error: anyhow::Error) -> anyhow::Error {
    let next = "store it yourself; the server does not show it again";
    error.context(CommandError::new(
        FailureKind::Failed,
        "the new value could not be saved; it was printed to standard output",
        next,
    ))
}
