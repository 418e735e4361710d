//! Checks whether a provider accepts an app.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    causes::Causes,
    provider::AppCheck,
    provider_app::{AppSecret, ProviderApp},
    store::{Tx, Unit},
};
use terra_auth_types::{
    DevId, Provider,
    wire::admin::{ProviderAppCheck, Role, SecretCheck},
};

use super::{
    UNREADABLE_SECRET_CODE,
    administer::{NO_APP, NO_LOGIN},
};
pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    audit::{AppendAuditEntry, PendingAuditEntry},
    auth::Auth,
};

/// The maximum length of a provider's error in a report.
const MAX_REASON_CHARS: usize = 300;

impl Auth {
    /// Asks a provider whether it accepts an environment's own app, once with each valid secret. The requests
    /// contain no end user's data and do not count as a use of the app.
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
        let act = AuditedAction { action: "provider_app.check", dev_id: Some(dev_id), target: provider.as_str() };
        self.permit(admin, Role::Operator, &act).await?;
        self.require_environment(dev_id)?;
        let app = self.store().read(ReadApp { dev_id: dev_id.clone(), provider: provider.clone() }).await?;
        self.store().run(AppendAuditEntry(PendingAuditEntry::new(self, admin, &act, true))).await?;
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
                let check = self.providers().check_app(&app.provider, Some(&client), self.redirect_uri(&app.provider));
                check.await.map_err(|_| NO_LOGIN)?
            }
            Err(_) => AppCheck::Refused { code: UNREADABLE_SECRET_CODE.to_owned() },
        };
        let why = Causes(&check).to_string().chars().take(MAX_REASON_CHARS).collect();
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
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<ProviderApp, AdminError> {
        tx.provider_app(&self.dev_id, &self.provider).await?.ok_or(NO_APP)
    }
}
