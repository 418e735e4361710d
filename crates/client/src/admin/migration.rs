use terra_auth_types::{
    DevId,
    wire::admin::{InviteToMigrate, MigrationInvitations},
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// Creates links to connect another provider, at most 500 per call. The existing connections stay.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn invite_to_migrate(
        &self,
        dev_id: &DevId,
        invite: &InviteToMigrate,
    ) -> Result<MigrationInvitations, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "migration", "invitations"]);
        self.read(Call::post(url).json(invite).large_response()).await
    }
}
