use std::fmt;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use super::{
    options::{FORWARD_SECRET, Places},
    sources::Sources,
    summary::logins,
};
use crate::variable;

/// What is said when a gateway is ready.
pub(super) struct Welcome<'a> {
    pub(super) addresses: Addresses,
    pub(super) sources: &'a Sources,
    pub(super) places: &'a Places,
    /// Whether this start has made the secret that signs what is forwarded.
    pub(super) makes_secret: bool,
}

/// Where a gateway listens.
pub(super) struct Addresses {
    url: Url,
    operations: Option<Url>,
}

impl Addresses {
    pub(super) fn of(listener: &TcpListener, operations: Option<&TcpListener>, tls: bool) -> anyhow::Result<Self> {
        let scheme = if tls { "https" } else { "http" };
        let url = format!("{scheme}://{}/", listener.local_addr()?).parse()?;
        let operations = match operations {
            Some(listener) => Some(format!("http://{}/", listener.local_addr()?).parse()?),
            None => None,
        };
        Ok(Self { url, operations })
    }

    fn origin(&self) -> &str {
        self.url.as_str().trim_end_matches('/')
    }
}

impl Welcome<'_> {
    pub(super) fn json(&self) -> Value {
        let config = &self.sources.config;
        let login = logins(&config.settings.login);
        json!({
            "ready": true,
            "url": self.addresses.url,
            "operations_url": self.addresses.operations,
            "webhook_url": format!("{}/webhooks/terra", self.addresses.origin()),
            "environment": config.credentials.environment,
            "dev_id": config.credentials.dev_id,
            "api_url": config.credentials.api_url,
            "login": login.iter().map(|(setting, _)| setting).collect::<Vec<_>>(),
            "allowed_origins": config.settings.cors.allowed_origins,
            "forward_to": config.settings.webhooks.forward_to,
            "forward_secret": self.forward_secret(),
            "settings": self.sources.file.path.as_ref().map(|path| path.display().to_string()),
        })
    }

    /// Where the secret is that signs what is forwarded.
    fn forward_secret(&self) -> Option<String> {
        self.sources.config.forward_secret.as_ref()?;
        let file = || self.places.forward_secret_file().display().to_string();
        Some(variable::secret(FORWARD_SECRET).map_or_else(file, |_| FORWARD_SECRET.to_owned()))
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let config = &self.sources.config;
        let keys = &config.credentials;
        let origins = &config.settings.cors.allowed_origins;
        let pages = if origins.is_empty() { "its own only".to_owned() } else { origins.join(", ") };
        let mut rows = vec![
            ("Keys", format!("{}, dev-id {}, from {}", keys.environment, keys.dev_id, keys.source)),
            ("API", keys.api_url.to_string()),
        ];
        rows.extend(self.sources.file.path.as_ref().map(|path| ("Settings", path.display().to_string())));
        rows.extend(logins(&config.settings.login).into_iter().map(|(_, login)| ("Login", login)));
        rows.push(("Pages", pages));
        rows.push(("Events", self.events()));
        rows.extend(self.addresses.operations.as_ref().map(|url| ("Operations", format!("{url}metrics"))));
        rows
    }

    fn events(&self) -> String {
        let Some(url) = &self.sources.config.settings.webhooks.forward_to else {
            return "kept; --forward-to forwards them to the app".to_owned();
        };
        let made = if self.makes_secret { ", made now" } else { "" };
        format!("forwarded to {url}, signed with the secret in {}{made}", self.forward_secret().unwrap_or_default())
    }
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.addresses.origin();
        writeln!(f, "terra-auth {} stands beside your app at {origin}\n", env!("CARGO_PKG_VERSION"))?;
        for (name, value) in self.rows() {
            writeln!(f, "  {name:<10} {value}")?;
        }
        write!(
            f,
            "\nTry next, logged in to the app:\n\n  \
             curl -X POST -H 'Cookie: …' {origin}/api/terra/mobile-token\n  \
             <script type=\"module\" src=\"{origin}/terra.js\"></script>\n\n\
             Let Terra send events to /webhooks/terra. Ctrl-C ends; SIGHUP reads everything again.\n"
        )
    }
}
