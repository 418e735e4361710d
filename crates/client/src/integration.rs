use serde::{Deserialize, Serialize, de::IgnoredAny};
use terra_auth_types::wire::{self, DataTypes};

use crate::{Client, Error, transport::Call};

impl Client {
    /// Lists the providers of the environment, in the order of the widget.
    ///
    /// Only the dev-id is sent, because some servers return an empty list if the API key is sent too. So this
    /// does not verify a key; [`Client::verify_connection`] does. From a server without descriptions, the
    /// result has names only.
    ///
    /// # Errors
    ///
    /// [`Error::UnreadableResponse`] if `TERRA_API_URL` is not the URL of such an API.
    ///
    /// Source: "Integrations" in `docs/compatibility.md`.
    pub async fn list_integrations(&self) -> Result<Vec<Integration>, Error> {
        let get = |path| Call::get(self.inner.endpoints.api(path)).without_api_key();
        let transport = &self.inner.transport;
        match transport.read(&get("integrations/detailed").query("sdk", "true")).await {
            Ok(wire::IntegrationsDetailed { providers, .. }) => Ok(providers.into_iter().map(Into::into).collect()),
            Err(Error::NotFound(_) | Error::Gone { .. }) => transport.read(&get("integrations")).await.map(named),
            Err(error) => Err(error),
        }
    }

    /// Like [`Client::list_integrations`], after a call that requires both keys: "connected, N providers available".
    ///
    /// # Errors
    ///
    /// [`Error::NotAuthenticated`] or [`Error::Forbidden`] for wrong keys.
    pub async fn verify_connection(&self) -> Result<Vec<Integration>, Error> {
        let _: IgnoredAny = self.inner.transport.read(&self.subscriptions_call(0, 1)).await?;
        self.list_integrations().await
    }
}

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Integration {
    /// The name to show to people.
    pub name: String,
    /// The name to use in requests, such as `FITBIT`.
    pub resource: String,
    /// URL of the logo.
    pub logo_url: Option<String>,
    /// Says who manages the provider's API keys, such as `API_KEYS_MANAGED`.
    pub setup: Option<String>,
    /// Whether the environment offers the provider.
    pub enabled: bool,
    /// The kinds of data that the provider has.
    pub types: DataTypes,
}

impl From<wire::Integration> for Integration {
    fn from(integration: wire::Integration) -> Self {
        let wire::Integration { provider: resource, name, icon, setup, enabled, types } = integration;
        let given = |text: String| Some(text).filter(|text| !text.is_empty());
        Self { name, resource, logo_url: given(icon), setup: given(setup), enabled, types }
    }
}

fn named(wire::Integrations { providers, sdk_providers, integrations, .. }: wire::Integrations) -> Vec<Integration> {
    let named = |resource: String| {
        let described = integrations.iter().find(|integration| integration.resource == resource);
        let name = described.map_or_else(|| resource.clone(), |integration| integration.name.clone());
        let logo_url = described.map(|integration| integration.logo_url.clone());
        Integration { name, resource, logo_url, setup: None, enabled: true, types: DataTypes::default() }
    };
    providers.into_iter().chain(sdk_providers).map(named).collect()
}
