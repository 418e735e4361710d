use terra_auth_types::{
    DevId, Provider,
    wire::admin::{AdminProviderApp, AdminProviderApps, ProviderAppCheck, RotateProviderApp, SetProviderApp},
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// Lists an environment's own provider apps, without their secrets.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_provider_apps(&self, dev_id: &DevId) -> Result<Vec<AdminProviderApp>, AdminError> {
        let call = Call::get(self.url_for(["environments", dev_id.as_str(), "provider-apps"]));
        self.read::<AdminProviderApps>(call).await.map(|answer| answer.apps)
    }

    /// Sets an environment's own app at a provider. It replaces the server's app or an earlier one.
    ///
    /// # Errors
    ///
    /// [`AdminError::NotFound`] also if the server has no login at that provider.
    pub async fn set_provider_app(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        app: &SetProviderApp,
    ) -> Result<AdminProviderApp, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "provider-apps", provider.as_str()]);
        self.read(Call::put(url).json(app)).await
    }

    /// Replaces the secret of an environment's app. Until the overlap ends, the old secret is tried too.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn rotate_provider_app(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        how: &RotateProviderApp,
    ) -> Result<AdminProviderApp, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "provider-apps", provider.as_str(), "rotate"]);
        self.read(Call::post(url).json(how)).await
    }

    /// Checks with the provider whether it accepts an environment's app, with each secret that is in use.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn check_provider_app(
        &self,
        dev_id: &DevId,
        provider: &Provider,
    ) -> Result<ProviderAppCheck, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "provider-apps", provider.as_str(), "check"]);
        self.read(Call::post(url)).await
    }

    /// Removes an environment's own app.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn remove_provider_app(&self, dev_id: &DevId, provider: &Provider) -> Result<(), AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "provider-apps", provider.as_str()]);
        Ok(self.inner.transport.send_without_result(&Call::delete(url)).await?)
    }
}
