use serde::Deserialize;
use terra_auth_types::{
    ApiKey, DevId, KeyId,
    wire::admin::{AdminKey, AdminKeys, CreateKey, IssuedKey, RetireKey, RotateSigningSecret, RotatedSigningSecret},
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// The keys of an environment, oldest first, ended ones too.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_api_keys(&self, dev_id: &DevId) -> Result<Vec<AdminKey>, AdminError> {
        let call = Call::get(self.at(["environments", dev_id.as_str(), "keys"]));
        self.read::<AdminKeys>(call).await.map(|answer| answer.keys)
    }

    /// Gives an environment one more key, which no later answer shows again.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_api_key(&self, dev_id: &DevId, new: &CreateKey) -> Result<IssuedKey, AdminError> {
        self.read(Call::post(self.at(["environments", dev_id.as_str(), "keys"])).json(new)).await
    }

    /// Replaces a key by a new one of the same name and scopes. Both work for 24 h unless told otherwise.
    ///
    /// # Errors
    ///
    /// [`AdminError::NotFound`] for a key that has ended already.
    pub async fn rotate_api_key(&self, dev_id: &DevId, key: KeyId, how: RetireKey) -> Result<IssuedKey, AdminError> {
        let key = key.to_string();
        self.read(Call::post(self.at(["environments", dev_id.as_str(), "keys", &key, "rotate"])).json(&how)).await
    }

    /// Ends a key.
    ///
    /// # Errors
    ///
    /// [`AdminError::Conflict`] for one that was used in the last minutes, unless `now` or `force` says otherwise.
    pub async fn revoke_api_key(&self, dev_id: &DevId, key: KeyId, how: RetireKey) -> Result<AdminKey, AdminError> {
        let key = key.to_string();
        let call = Call::delete(self.at(["environments", dev_id.as_str(), "keys", &key]));
        let call = call.query("now", &how.now.to_string()).query("force", &how.force.to_string());
        let overlap = how.overlap_s.map(|seconds| seconds.to_string());
        self.read(overlap.iter().fold(call, |call, seconds| call.query("overlap_s", seconds))).await
    }

    /// Replaces the secret that signs an environment's events.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn rotate_signing_secret(
        &self,
        dev_id: &DevId,
        how: RotateSigningSecret,
    ) -> Result<RotatedSigningSecret, AdminError> {
        let url = self.at(["environments", dev_id.as_str(), "signing-secret", "rotate"]);
        self.read(Call::post(url).json(&how)).await
    }

    /// Replaces the one API key that an environment has at Terra itself. **The old one stops at once**: whoever still
    /// uses it is refused until it has the new one.
    ///
    /// # Errors
    ///
    /// [`AdminError::NotFound`] on a server of one's own: ask [`AdminClient::rotate_api_key`] there.
    ///
    /// Source: "Keys of the hosted API" in `docs/compatibility.md`.
    pub async fn rotate_hosted_api_key(&self, dev_id: &DevId) -> Result<HostedApiKey, AdminError> {
        self.read(Call::post(self.at(["environments", dev_id.as_str(), "api-key", "rotate"]))).await
    }
}

/// The new API key of an environment at Terra; shown once.
#[derive(Clone, Debug, Deserialize)]
pub struct HostedApiKey {
    /// The environment.
    pub dev_id: DevId,
    /// The key itself.
    pub api_key: ApiKey,
}
