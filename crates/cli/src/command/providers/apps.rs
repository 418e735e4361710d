//! The operator's apps at the providers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use terra_auth_core::{provider::Logo, provider_app::may_be_header};
use terra_auth_outbound::ClientCredentials;

use super::logo;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderApp {
    client_id: String,
    client_secret: SecretString,
    #[serde(default)]
    headers: BTreeMap<String, SecretString>,
    notice_token: Option<SecretString>,
    profile: Option<String>,
    logo: Option<PathBuf>,
}

/// The server's own app at one provider.
#[derive(Clone)]
pub(in crate::command) struct OwnApp {
    pub(in crate::command) credentials: ClientCredentials,
    /// Shown instead of the recipe's.
    pub(in crate::command) logo: Option<Logo>,
    /// Where it was read.
    pub(super) logo_path: Option<PathBuf>,
}

/// Reads a file of apps, by the names of their providers.
pub(in crate::command) fn read(file: &Path) -> anyhow::Result<BTreeMap<String, OwnApp>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    // The parser's own message would show the line, and with it a secret.
    let malformed = |_| {
        let fields = "every table needs client_id and client_secret, may have headers, notice_token, profile and logo, and no more";
        anyhow::anyhow!("{}: {fields}", file.display())
    };
    let apps: BTreeMap<String, ProviderApp> = toml::from_str(&text).map_err(malformed)?;
    let credentials = |(name, app): (String, ProviderApp)| {
        let logo = app.logo.as_deref().map(|logo| logo::read(file, logo)).transpose()?;
        let logo_path = app.logo.as_deref().map(|logo| logo::beside(file, logo));
        let credentials = app.credentials().with_context(|| format!("{}: the app at {name}", file.display()))?;
        Ok((name.to_ascii_uppercase(), OwnApp { credentials, logo, logo_path }))
    };
    apps.into_iter().map(credentials).collect()
}

impl ProviderApp {
    fn credentials(self) -> anyhow::Result<ClientCredentials> {
        for (name, value) in &self.headers {
            anyhow::ensure!(may_be_header(name), "{name} is a header that a call has anyway, or none at all");
            let is_visible = value.expose_secret().bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
            anyhow::ensure!(is_visible, "the value of the header {name} is not visible ASCII text");
        }
        let headers = self.headers.into_iter().collect();
        let (notice_token, profile) = (self.notice_token, self.profile);
        let credentials = ClientCredentials::new(self.client_id, self.client_secret);
        Ok(ClientCredentials { headers, notice_token, profile, ..credentials })
    }
}
