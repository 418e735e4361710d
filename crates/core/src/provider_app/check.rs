//! Apps, as their providers see them.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DevId, Provider,
    wire::admin::{ProviderAppCheck, Role, SecretCheck},
};

use super::{
    AppSecret, ProviderApp, UNREADABLE,
    administer::{NO_APP, NO_LOGIN},
};
use crate::{
    admin::{Act, Admin, AdminError},
    audit::{Draft, Remark},
    auth::Auth,
    causes::Causes,
    provider::AppCheck,
    store::{Tx, Unit},
};

/// Enough of a provider's error for people.
const LONGEST_WHY: usize = 300;

impl Auth {
    /// Asks a provider whether it knows an environment's own app, by each of the secrets that are tried now. Nothing of an
    /// end user is in that, and it does not count as a use.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn check_provider_app(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        provider: &Provider,
    ) -> Result<ProviderAppCheck, AdminError> {
        let act = Act { action: "provider_app.check", dev_id: Some(dev_id), target: provider.as_str() };
        self.permit(admin, Role::Operator, &act).await?;
        self.known(dev_id)?;
        let app = self.store.read(ReadApp { dev_id: dev_id.clone(), provider: provider.clone() }).await?;
        self.store.run(Remark(Draft::new(self, admin, &act, true))).await?;
        let previous = app.previous.as_ref().filter(|previous| self.now() < previous.until);
        let of_previous = async {
            let Some(previous) = previous else { return Ok(None) };
            self.check_secret(&app, &previous.secret, Some(previous.until)).await.map(Some)
        };
        let (newest, previous) = tokio::try_join!(self.check_secret(&app, &app.secret, None), of_previous)?;
        let secrets = [newest].into_iter().chain(previous).collect();
        Ok(ProviderAppCheck { provider: app.provider, client_id: app.client_id, secrets })
    }

    async fn check_secret(
        &self,
        app: &ProviderApp,
        secret: &AppSecret,
        until: Option<Timestamp>,
    ) -> Result<SecretCheck, AdminError> {
        let check = match self.open_app(app, secret) {
            Ok(client) => {
                let check = self.providers.check_app(&app.provider, Some(&client), self.redirect_uri(&app.provider));
                check.await.map_err(|_| NO_LOGIN)?
            }
            Err(_) => AppCheck::Refused { code: UNREADABLE.to_owned() },
        };
        let why = Causes(&check).to_string().chars().take(LONGEST_WHY).collect();
        Ok(SecretCheck { hint: secret.hint.clone(), until, verdict: check.verdict(), why })
    }
}

struct ReadApp {
    dev_id: DevId,
    provider: Provider,
}

#[async_trait]
impl Unit for ReadApp {
    type Done = ProviderApp;
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<ProviderApp, AdminError> {
        tx.provider_app(&self.dev_id, &self.provider).await?.ok_or(NO_APP)
    }
}
