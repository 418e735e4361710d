use terra_auth_types::{
    DevId,
    wire::admin::{InviteToMigrate, MigrationInvitations},
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// Makes links to consent at another provider, at most 500 at once. The connections to the old one stay.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn invite_to_migrate(
        &self,
        dev_id: &DevId,
        invite: &InviteToMigrate,
    ) -> Result<MigrationInvitations, AdminError> {
        let url = self.at(["environments", dev_id.as_str(), "migration", "invitations"]);
        self.read(Call::post(url).json(invite).long_answer()).await
    }
}
