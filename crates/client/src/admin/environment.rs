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
    /// All environments of the server, by dev-id.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_environments(&self) -> Result<Vec<AdminEnvironment>, AdminError> {
        let call = Call::get(self.at(["environments"])).long_answer();
        self.read::<AdminEnvironments>(call).await.map(|answer| answer.environments)
    }

    /// One environment.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn environment(&self, dev_id: &DevId) -> Result<AdminEnvironment, AdminError> {
        self.read(Call::get(self.at(["environments", dev_id.as_str()]))).await
    }

    /// Makes an environment with its first key, which no later answer shows again.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_environment(&self, new: &CreateEnvironment) -> Result<IssuedEnvironment, AdminError> {
        self.read(Call::post(self.at(["environments"])).json(new)).await
    }

    /// Changes an environment's settings, or disables or enables it.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn change_environment(
        &self,
        dev_id: &DevId,
        change: &ChangeEnvironment,
    ) -> Result<AdminEnvironment, AdminError> {
        self.read(Call::patch(self.at(["environments", dev_id.as_str()])).json(change)).await
    }

    /// What would be lost with an environment.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn environment_contents(&self, dev_id: &DevId) -> Result<EnvironmentContents, AdminError> {
        self.read(Call::get(self.at(["environments", dev_id.as_str(), "contents"]))).await
    }

    /// Deletes an environment with everything in it. What was interrupted goes on when it is asked for again.
    ///
    /// # Errors
    ///
    /// [`AdminError::Conflict`] if `confirmed` is not what [`AdminClient::environment_contents`] says now.
    pub async fn delete_environment(&self, dev_id: &DevId, confirmed: EnvironmentContents) -> Result<(), AdminError> {
        let EnvironmentContents { users, api_keys, waiting_deliveries } = confirmed;
        let counts = [("users", users), ("api_keys", api_keys), ("waiting_deliveries", waiting_deliveries)];
        let call = Call::delete(self.at(["environments", dev_id.as_str()]));
        let call = counts.iter().fold(call, |call, (name, count)| call.query(name, &count.to_string()));
        Ok(self.inner.transport.done(&call).await?)
    }
}
