use terra_auth_types::{
    DevId, Provider,
    wire::admin::{AdminProviderApp, AdminProviderApps, ProviderAppCheck, RotateProviderApp, SetProviderApp},
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// The apps that an environment has of its own at the providers, without their secrets.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_provider_apps(&self, dev_id: &DevId) -> Result<Vec<AdminProviderApp>, AdminError> {
        let call = Call::get(self.at(["environments", dev_id.as_str(), "provider-apps"]));
        self.read::<AdminProviderApps>(call).await.map(|answer| answer.apps)
    }

    /// Gives an environment its own app at a provider, in the place of the server's or of an earlier one.
    ///
    /// # Errors
    ///
    /// [`AdminError::NotFound`] also where the server has no login at that provider.
    pub async fn set_provider_app(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        app: &SetProviderApp,
    ) -> Result<AdminProviderApp, AdminError> {
        let url = self.at(["environments", dev_id.as_str(), "provider-apps", provider.as_str()]);
        self.read(Call::put(url).json(app)).await
    }

    /// Replaces the secret of an environment's app; the old one is tried too until the overlap ends.
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
        let url = self.at(["environments", dev_id.as_str(), "provider-apps", provider.as_str(), "rotate"]);
        self.read(Call::post(url).json(how)).await
    }

    /// Asks the provider whether it knows an environment's app, by each secret that is tried now.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn check_provider_app(
        &self,
        dev_id: &DevId,
        provider: &Provider,
    ) -> Result<ProviderAppCheck, AdminError> {
        let url = self.at(["environments", dev_id.as_str(), "provider-apps", provider.as_str(), "check"]);
        self.read(Call::post(url)).await
    }

    /// Takes an environment's own app away.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn remove_provider_app(&self, dev_id: &DevId, provider: &Provider) -> Result<(), AdminError> {
        let url = self.at(["environments", dev_id.as_str(), "provider-apps", provider.as_str()]);
        Ok(self.inner.transport.done(&Call::delete(url)).await?)
    }
}
