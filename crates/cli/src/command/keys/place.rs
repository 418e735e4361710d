//! Where a new key or secret goes: into the credential file or, where the file says so, the keyring.

use anyhow::Context as _;
use terra_auth::credentials::{self, Audience, Reference, Source};

use super::whose::Owner;
use crate::{
    app::App,
    credential_file::{self, CredentialFile},
    failure::{Advice, Kind},
};

/// Found and checked before anything is asked for, so that nothing new is lost.
pub(super) enum Place {
    File(Box<CredentialFile>),
    Elsewhere(Reference, Audience),
}

impl Place {
    /// Where the environment's `key`, a variable of the credential file, is kept.
    pub(super) fn of(app: &App, owner: &Owner, key: &str) -> anyhow::Result<Self> {
        let folder = credentials::folder_of(app.environment);
        let file = CredentialFile::open_in(&folder, app.environment)?;
        let Some(held) = &owner.credentials else {
            return Err(nowhere(&format!("{} is not the credential file of {}", file.name, owner.dev_id)).into());
        };
        if !matches!(&held.source, Source::File(path) if *path == file.path) {
            return Err(nowhere(&format!("the keys come from {}, not from {}", held.source, file.name)).into());
        }
        if !owner.takes_new_keys {
            let message = format!("{} is not trusted, so no new secret is written to it", file.name);
            let next = format!("look at the file, then run `terra-auth env trust {}`", file.name);
            return Err(Advice::new(Kind::NoCredentials, message, next).into());
        }
        match file.held(key).map(Reference::parse).transpose()?.flatten() {
            None => Ok(Self::File(Box::new(file))),
            Some(Reference::Command(_)) => {
                Err(nowhere(&format!("{} has {key} from a command, which cannot be written to", file.name)).into())
            }
            Some(keyring) => Ok(Self::Elsewhere(keyring, held.audience())),
        }
    }

    /// Puts the new value there; what else the file holds stays. Answers where that is.
    pub(super) fn put(self, app: &App, key: &str, value: &str) -> anyhow::Result<String> {
        match self {
            Self::Elsewhere(reference, audience) => {
                reference.keep(&audience, value).with_context(|| format!("could not write to the {reference}"))?;
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

fn nowhere(message: &str) -> Advice {
    let next = "add --print to have it printed once instead, and put it where it belongs";
    Advice::new(Kind::Misused, message, next)
}

/// For what was made on the server and could not be written: it is printed, so that it is not lost.
pub(super) fn not_written(error: anyhow::Error) -> anyhow::Error {
    let next = "put it where it belongs by hand; the server does not show it again";
    error.context(Advice::new(Kind::Failed, "what is new stands on standard output, as it could not be written", next))
}
