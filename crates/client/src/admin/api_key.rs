use serde::Deserialize;
use terra_auth_types::{
    ApiKey, DevId, KeyId,
    wire::admin::{AdminKey, AdminKeys, CreateKey, IssuedKey, RetireKey, RotateSigningSecret, RotatedSigningSecret},
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// Lists the API keys of an environment, including revoked and expired ones, oldest first.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_api_keys(&self, dev_id: &DevId) -> Result<Vec<AdminKey>, AdminError> {
        let call = Call::get(self.url_for(["environments", dev_id.as_str(), "keys"]));
        self.read::<AdminKeys>(call).await.map(|answer| answer.keys)
    }

    /// Creates an API key. No later response shows the key again.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_api_key(&self, dev_id: &DevId, new: &CreateKey) -> Result<IssuedKey, AdminError> {
        self.read(Call::post(self.url_for(["environments", dev_id.as_str(), "keys"])).json(new)).await
    }

    /// Replaces a key by a new one with the same name and scopes. By default, both are valid for 24 h.
    ///
    /// # Errors
    ///
    /// [`AdminError::NotFound`] if the key is already revoked or expired.
    pub async fn rotate_api_key(&self, dev_id: &DevId, key: KeyId, how: RetireKey) -> Result<IssuedKey, AdminError> {
        let key = key.to_string();
        self.read(Call::post(self.url_for(["environments", dev_id.as_str(), "keys", &key, "rotate"])).json(&how)).await
    }

    /// Revokes a key.
    ///
    /// # Errors
    ///
    /// [`AdminError::Conflict`] if the key was used in the last minutes, unless `now` or `force` is set.
    pub async fn revoke_api_key(&self, dev_id: &DevId, key: KeyId, how: RetireKey) -> Result<AdminKey, AdminError> {
        let key = key.to_string();
        let call = Call::delete(self.url_for(["environments", dev_id.as_str(), "keys", &key]));
        let call = call.query("now", &how.now.to_string()).query("force", &how.force.to_string());
        let overlap = how.overlap_s.map(|seconds| seconds.to_string());
        self.read(overlap.iter().fold(call, |call, seconds| call.query("overlap_s", seconds))).await
    }

    /// Replaces the secret that signs an environment's webhooks.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn rotate_signing_secret(
        &self,
        dev_id: &DevId,
        how: RotateSigningSecret,
    ) -> Result<RotatedSigningSecret, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "signing-secret", "rotate"]);
        self.read(Call::post(url).json(&how)).await
    }

    /// Replaces the only API key of an environment at hosted Terra. **The old key is revoked at once**: programs that
    /// still use it are rejected until they have the new one.
    ///
    /// # Errors
    ///
    /// [`AdminError::NotFound`] on a self-hosted server: use [`AdminClient::rotate_api_key`] there.
    ///
    /// Source: "Keys of the hosted API" in `docs/compatibility.md`.
    pub async fn rotate_hosted_api_key(&self, dev_id: &DevId) -> Result<HostedApiKey, AdminError> {
        self.read(Call::post(self.url_for(["environments", dev_id.as_str(), "api-key", "rotate"]))).await
    }
}

/// The new API key of an environment at hosted Terra. No later response shows it.
#[derive(Clone, Debug, Deserialize)]
pub struct HostedApiKey {
    /// The dev-id of the environment.
    pub dev_id: DevId,
    /// The key itself.
    pub api_key: ApiKey,
}
