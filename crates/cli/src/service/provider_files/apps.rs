//! The operator's apps at the providers.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use terra_auth_core::provider_app::may_be_header;
use terra_auth_model::provider::{ClientCredentials, Logo};

use crate::service::provider_files::logo;

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
pub(crate) struct OwnApp {
    pub(crate) credentials: ClientCredentials,
    /// Shown instead of the recipe's logo.
    pub(crate) logo: Option<Logo>,
    /// The path of the logo.
    pub(crate) logo_path: Option<PathBuf>,
}

/// Reads a file of apps; returns them by the names of their providers.
pub(crate) fn read(file: &Path) -> anyhow::Result<BTreeMap<String, OwnApp>> {
    let text = std::fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))?;
    // The parser's own message would show the line, which may contain a secret.
    let malformed = |_| {
        let fields =
            "every table needs client_id and client_secret, and may have headers, notice_token, profile and logo";
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
            anyhow::ensure!(may_be_header(name), "{name} is set by every call, or is not a valid header name");
            let is_visible = value.expose_secret().bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
            anyhow::ensure!(is_visible, "the value of the header {name} is not printable ASCII text");
        }
        let headers = self.headers.into_iter().collect();
        let (notice_token, profile) = (self.notice_token, self.profile);
        let credentials = ClientCredentials::new(self.client_id, self.client_secret);
        Ok(ClientCredentials { headers, notification_token: notice_token, profile, ..credentials })
    }
}
