//! Records the stores that were served from a data directory, to detect when an empty database
//! replaces one of them.

use std::{collections::BTreeSet, fs, io, path::PathBuf};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use terra_auth::ownership::Access;
use terra_auth_model::{keys::KeyRing, store::Store};
use url::Url;

use crate::{
    credentials::{guard::OwnershipCheck, private_file},
    failure::{CommandError, FailureKind},
};

/// A file with a line for each store that was served: a digest of its address, without user and password.
pub(crate) struct KnownStores(pub(crate) PathBuf);

impl KnownStores {
    /// Rejects a store that is empty now but was not when it was last served.
    pub(crate) async fn check(&self, address: &SecretString, store: &Store) -> anyhow::Result<()> {
        if !self.read()?.contains(&name_of(address)) || KeyRing::is_in(store).await? {
            return Ok(());
        }
        let message = "the store is empty, but it was not when it was last served from this data directory";
        let next =
            "check its address, or restore a backup (docs/backup.md); to start with an empty store, add --new-store";
        Err(CommandError::new(FailureKind::Failed, message, next).into())
    }

    pub(crate) fn add(&self, address: &SecretString) -> anyhow::Result<()> {
        let mut names = self.read()?;
        if names.insert(name_of(address)) {
            let text = names.into_iter().collect::<Vec<_>>().join("\n") + "\n";
            private_file::replace(&self.0, &text).with_context(|| format!("could not write {}", self.0.display()))?;
        }
        Ok(())
    }

    fn read(&self) -> anyhow::Result<BTreeSet<String>> {
        OwnershipCheck::Fail.check(&self.0, Access::Change)?;
        match fs::read_to_string(&self.0) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
            Err(error) => Err(error).with_context(|| format!("could not read {}", self.0.display())),
        }
    }
}

fn name_of(address: &SecretString) -> String {
    let text = address.expose_secret();
    let location = Url::parse(text).ok().filter(|url| url.scheme().starts_with("postgres")).map(|url| {
        let socket = url.query_pairs().find(|(name, _)| name == "host").map(|(_, at)| at.into_owned());
        format!(
            "{}:{}{} {}",
            url.host_str().unwrap_or_default(),
            url.port().unwrap_or(5432),
            url.path(),
            socket.unwrap_or_default()
        )
    });
    hex::encode(Sha256::digest(location.as_deref().unwrap_or(text)))
}

#[cfg(test)]
mod tests {
    use super::name_of;

    #[test]
    fn a_store_is_identified_by_its_location_without_the_password() {
        let name = |address: &str| name_of(&address.into());
        let known = name("postgres://terra:one-not-a-secret@db/terra");
        assert_eq!(known, name("postgres://other:two-not-a-secret@db:5432/terra?sslmode=require"));
        assert_ne!(known, name("postgres://terra@db/staging"));
        assert_ne!(known, name("postgres://terra@db2/terra"));
        assert_ne!(name("sqlite://a.db"), name("sqlite://b.db"));
    }
}
