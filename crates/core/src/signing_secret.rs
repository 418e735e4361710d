//! The key that signs an environment's events, and how one replaces another without a lost event.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{
    DevId, SigningSecret,
    wire::admin::{Role, RotateSigningSecret, RotatedSigningSecret, SignWith},
};

use crate::{
    admin::{Act, Admin, AdminError},
    api_key::OVERLAP,
    auth::Auth,
    developer::{Developer, RetiringSecret},
    seal::{Place, SealBroken, Sealed},
    store::{Tx, Unit},
};

/// The secrets that sign a delivery now; one, or two while both are wanted.
#[derive(Clone, Debug)]
pub struct SigningSecrets {
    /// Signs first.
    pub first: SigningSecret,
    /// Signs too.
    pub second: Option<SigningSecret>,
}

impl Auth {
    /// The secrets that sign an environment's events at this instant.
    ///
    /// # Errors
    ///
    /// [`SealBroken`]: the master key is not the one they were sealed with.
    pub fn signing_secrets(&self, developer: &Developer) -> Result<SigningSecrets, SealBroken> {
        let new = self.open_secret(&developer.dev_id, &developer.signing_secret)?;
        let now = self.now();
        let Some(retiring) = developer.retiring_secret.as_ref().filter(|retiring| now < retiring.until) else {
            return Ok(SigningSecrets { first: new, second: None });
        };
        let old = self.open_secret(&developer.dev_id, &retiring.secret)?;
        Ok(match retiring.sign_with {
            SignWith::Old => SigningSecrets { first: old, second: None },
            SignWith::New => SigningSecrets { first: new, second: None },
            SignWith::Both => SigningSecrets { first: old, second: Some(new) },
        })
    }

    /// The newest signing secret of an environment.
    ///
    /// # Errors
    ///
    /// [`SealBroken`]: the master key is not the one it was sealed with.
    pub fn signing_secret(&self, developer: &Developer) -> Result<SigningSecret, SealBroken> {
        self.open_secret(&developer.dev_id, &developer.signing_secret)
    }

    /// Replaces the signing secret. For the time of the overlap the old one goes on signing, unless told otherwise, so
    /// that receivers can be given the new one meanwhile.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn rotate_signing_secret(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        how: RotateSigningSecret,
    ) -> Result<RotatedSigningSecret, AdminError> {
        let act = Act { action: "signing_secret.rotate", dev_id: Some(dev_id), target: "" };
        self.permit(admin, Role::Operator, &act).await?;
        self.known(dev_id)?;
        let (signing_secret, sealed) = self.draw_signing_secret(dev_id);
        let overlap = how.overlap_s.map_or(OVERLAP, |seconds| SignedDuration::from_secs(seconds.into()));
        let until = (!how.now).then(|| self.now() + overlap);
        let retire = until.map(|until| (until, how.sign_with));
        let unit = RotateSecret { dev_id: dev_id.clone(), sealed, retire, now: self.now() };
        self.administer(admin, &act, unit).await?;
        Ok(RotatedSigningSecret { dev_id: dev_id.clone(), signing_secret, old_until: until })
    }

    pub(crate) fn draw_signing_secret(&self, dev_id: &DevId) -> (SigningSecret, Sealed) {
        let secret = SigningSecret::from(hex::encode(self.entropy.bytes::<32>()));
        let sealed = self.keys.seal(self.entropy.as_ref(), place(dev_id), secret.expose().as_bytes());
        (secret, sealed)
    }

    fn open_secret(&self, dev_id: &DevId, sealed: &Sealed) -> Result<SigningSecret, SealBroken> {
        let secret = self.keys.open(place(dev_id), sealed)?;
        Ok(SigningSecret::from(str::from_utf8(&secret).map_err(|_| SealBroken)?))
    }
}

pub(crate) fn place(dev_id: &DevId) -> Place<'_> {
    Place { dev_id: dev_id.as_str(), row: "developer", column: "signing_secret" }
}

struct RotateSecret {
    dev_id: DevId,
    sealed: Sealed,
    retire: Option<(Timestamp, SignWith)>,
    now: Timestamp,
}

#[async_trait]
impl Unit for RotateSecret {
    type Done = ();
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let found = tx.lock_developer(&self.dev_id).await?;
        let mut developer = found.ok_or(AdminError::UnknownEnvironment)?;
        let replacing = developer.retiring_secret.as_ref().is_some_and(|retiring| self.now < retiring.until);
        if replacing && self.retire.is_some() {
            return Err(AdminError::Refused(
                "one secret is replacing another already; wait until the old one is forgotten, or replace both at once with now",
            ));
        }
        let old = std::mem::replace(&mut developer.signing_secret, self.sealed.clone());
        developer.retiring_secret =
            self.retire.map(|(until, sign_with)| RetiringSecret { secret: old, until, sign_with });
        tx.update_developer(&developer).await?;
        Ok(())
    }
}
