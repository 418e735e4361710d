use terra_auth_types::{
    DestinationId, DevId,
    wire::admin::{AdminDestination, AdminDestinations, ChangeDestination, CreateDestination},
};
use url::Url;

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// Lists the webhook destinations of an environment, oldest first.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_destinations(&self, dev_id: &DevId) -> Result<Vec<AdminDestination>, AdminError> {
        let call = Call::get(self.url_for(["environments", dev_id.as_str(), "destinations"])).large_response();
        self.read::<AdminDestinations>(call).await.map(|answer| answer.destinations)
    }

    /// Creates a destination, which receives the events that happen from now on.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_destination(
        &self,
        dev_id: &DevId,
        new: &CreateDestination,
    ) -> Result<AdminDestination, AdminError> {
        self.read(Call::post(self.url_for(["environments", dev_id.as_str(), "destinations"])).json(new)).await
    }

    /// Changes a destination. An absent field stays unchanged.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn change_destination(
        &self,
        dev_id: &DevId,
        destination_id: DestinationId,
        change: &ChangeDestination,
    ) -> Result<AdminDestination, AdminError> {
        self.read(Call::patch(self.destination_url(dev_id, destination_id)).json(change)).await
    }

    /// Deletes a destination with its deliveries.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn delete_destination(&self, dev_id: &DevId, destination_id: DestinationId) -> Result<(), AdminError> {
        let call = Call::delete(self.destination_url(dev_id, destination_id));
        Ok(self.inner.transport.send_without_result(&call).await?)
    }

    fn destination_url(&self, dev_id: &DevId, destination_id: DestinationId) -> Url {
        self.url_for(["environments", dev_id.as_str(), "destinations", &destination_id.to_string()])
    }
}
