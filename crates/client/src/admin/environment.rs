use terra_auth_types::{
    DevId,
    wire::admin::{
        AdminEnvironment, AdminEnvironments, ChangeEnvironment, CreateEnvironment, EnvironmentContents,
        IssuedEnvironment,
    },
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// Lists the environments of the server, ordered by dev-id.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_environments(&self) -> Result<Vec<AdminEnvironment>, AdminError> {
        let call = Call::get(self.url_for(["environments"])).large_response();
        self.read::<AdminEnvironments>(call).await.map(|answer| answer.environments)
    }

    /// Returns one environment.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn environment(&self, dev_id: &DevId) -> Result<AdminEnvironment, AdminError> {
        self.read(Call::get(self.url_for(["environments", dev_id.as_str()]))).await
    }

    /// Creates an environment and its first API key. No later response shows the key again.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_environment(&self, new: &CreateEnvironment) -> Result<IssuedEnvironment, AdminError> {
        self.read(Call::post(self.url_for(["environments"])).json(new)).await
    }

    /// Changes the settings of an environment, or disables or enables it.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn change_environment(
        &self,
        dev_id: &DevId,
        change: &ChangeEnvironment,
    ) -> Result<AdminEnvironment, AdminError> {
        self.read(Call::patch(self.url_for(["environments", dev_id.as_str()])).json(change)).await
    }

    /// Counts the contents that a deletion of the environment would destroy.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn environment_contents(&self, dev_id: &DevId) -> Result<EnvironmentContents, AdminError> {
        self.read(Call::get(self.url_for(["environments", dev_id.as_str(), "contents"]))).await
    }

    /// Deletes an environment with all its contents. Call it again to continue an interrupted deletion.
    ///
    /// # Errors
    ///
    /// [`AdminError::Conflict`] if `confirmed` differs from the current [`AdminClient::environment_contents`].
    pub async fn delete_environment(&self, dev_id: &DevId, confirmed: EnvironmentContents) -> Result<(), AdminError> {
        let EnvironmentContents { users, api_keys, waiting_deliveries } = confirmed;
        let counts = [("users", users), ("api_keys", api_keys), ("waiting_deliveries", waiting_deliveries)];
        let call = Call::delete(self.url_for(["environments", dev_id.as_str()]));
        let call = counts.iter().fold(call, |call, (name, count)| call.query(name, &count.to_string()));
        Ok(self.inner.transport.send_without_result(&call).await?)
    }
}
