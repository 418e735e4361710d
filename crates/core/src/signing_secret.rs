//! The secret that signs an environment's events, and its rotation without losing an event.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    developer::{Developer, RetiringSecret},
    keys::{Sealed, UnsealError},
    signing_secret::{SigningSecrets, seal_context},
    store::{Tx, Unit},
};
use terra_auth_types::{
    DevId, SigningSecret,
    wire::admin::{Role, RotateSigningSecret, RotatedSigningSecret, SignWith},
};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    api_key::KEY_OVERLAP,
    auth::Auth,
};

impl Auth {
    /// The secrets that sign an environment's events now.
    ///
    /// # Errors
    ///
    /// [`UnsealError`]: they were encrypted under another master key.
    pub fn signing_secrets(&self, developer: &Developer) -> Result<SigningSecrets, UnsealError> {
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
    /// [`UnsealError`]: it was encrypted under another master key.
    pub fn signing_secret(&self, developer: &Developer) -> Result<SigningSecret, UnsealError> {
        self.open_secret(&developer.dev_id, &developer.signing_secret)
    }

    /// Rotates the signing secret. By default the old secret continues to sign until the overlap ends, so that
    /// the operator can give the new one to the receivers.
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
        let act = AuditedAction { action: "signing_secret.rotate", dev_id: Some(dev_id), target: "" };
        self.permit(admin, Role::Operator, &act).await?;
        self.require_environment(dev_id)?;
        let (signing_secret, sealed) = self.new_signing_secret(dev_id);
        let overlap = how.overlap_s.map_or(KEY_OVERLAP, |seconds| SignedDuration::from_secs(seconds.into()));
        let until = (!how.now).then(|| self.now() + overlap);
        let retire = until.map(|until| (until, how.sign_with));
        let unit = RotateSecret { dev_id: dev_id.clone(), sealed, retire, now: self.now() };
        self.administer(admin, &act, unit).await?;
        Ok(RotatedSigningSecret { dev_id: dev_id.clone(), signing_secret, old_until: until })
    }

    pub(crate) fn new_signing_secret(&self, dev_id: &DevId) -> (SigningSecret, Sealed) {
        let secret = SigningSecret::from(hex::encode(self.entropy().bytes::<32>()));
        let sealed = self.keys().seal(self.entropy().as_ref(), seal_context(dev_id), secret.expose().as_bytes());
        (secret, sealed)
    }

    fn open_secret(&self, dev_id: &DevId, sealed: &Sealed) -> Result<SigningSecret, UnsealError> {
        let secret = self.keys().open(seal_context(dev_id), sealed)?;
        Ok(SigningSecret::from(str::from_utf8(&secret).map_err(|_| UnsealError)?))
    }
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
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let found = tx.lock_developer(&self.dev_id).await?;
        let mut developer = found.ok_or(AdminError::UnknownEnvironment)?;
        let replacing = developer.retiring_secret.as_ref().is_some_and(|retiring| self.now < retiring.until);
        if replacing && self.retire.is_some() {
            return Err(AdminError::Conflict(
                "a rotation is in progress; wait until the old secret expires, or replace both at once with now",
            ));
        }
        let old = std::mem::replace(&mut developer.signing_secret, self.sealed.clone());
        developer.retiring_secret =
            self.retire.map(|(until, sign_with)| RetiringSecret { secret: old, until, sign_with });
        tx.update_developer(&developer).await?;
        Ok(())
    }
}
