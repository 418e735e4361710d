//! The operator's apps at the providers.

use std::{collections::BTreeMap, path::Path};

use anyhow::Context as _;
use secrecy::SecretString;
use serde::Deserialize;
use terra_auth_outbound::ClientCredentials;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderApp {
    client_id: String,
    client_secret: SecretString,
}

/// Reads a file of apps, by the names of their providers.
pub(in crate::command) fn read(file: &Path) -> anyhow::Result<BTreeMap<String, ClientCredentials>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    // The parser's own message would show the line, and with it a secret.
    let malformed =
        |_| anyhow::anyhow!("{}: every table needs client_id and client_secret, and no more", file.display());
    let apps: BTreeMap<String, ProviderApp> = toml::from_str(&text).map_err(malformed)?;
    let credentials = |app: ProviderApp| ClientCredentials::new(app.client_id, app.client_secret);
    Ok(apps.into_iter().map(|(name, app)| (name.to_ascii_uppercase(), credentials(app))).collect())
}
