use std::fmt;

use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

use super::{
    destination::WebhookDestination,
    options::{FORWARD_SECRET, GatewayPaths},
    sources::Sources,
    summary::logins,
};
use crate::variable;

/// The message that a gateway prints when it is ready.
pub(super) struct Welcome<'a> {
    pub(super) addresses: Addresses,
    pub(super) sources: &'a Sources,
    pub(super) paths: &'a GatewayPaths,
    /// Whether this start has created the secret that signs forwarded events.
    pub(super) created_secret: bool,
    /// The destination to which the server sends its events.
    pub(super) destination: &'a WebhookDestination,
}

/// The URLs of a gateway.
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
            "destination": self.destination.url(),
            "forward_to": config.settings.webhooks.forward_to,
            "forward_secret": self.forward_secret(),
            "settings": self.sources.file.path.as_ref().map(|path| path.display().to_string()),
        })
    }

    /// The origin for browsers. It has the host localhost if the app's pages do, because their cookies are not sent
    /// to 127.0.0.1.
    fn origin(&self) -> String {
        let origin = self.addresses.origin();
        let settings = &self.sources.config.settings;
        let app = settings.login.who_am_i.as_ref().and_then(|app| app.url.host_str());
        let pages = settings.cors.allowed_origins.iter().any(|origin| origin.contains("://localhost"));
        let is_local = self.addresses.url.host_str() == Some("127.0.0.1");
        if is_local && (app == Some("localhost") || pages) {
            return origin.replacen("127.0.0.1", "localhost", 1);
        }
        origin.to_owned()
    }

    /// The curl option with the credentials of a logged-in user, for the first configured login method.
    fn curl_option(&self) -> String {
        let login = &self.sources.config.settings.login;
        match (&login.jwt, &login.who_am_i, &login.trusted_header) {
            (Some(_), _, _) if self.passes_token_explicitly() => "-H 'Authorization: Bearer …'".to_owned(),
            (Some(jwt), _, _) => format!("-H 'Cookie: {}=…'", jwt.cookie.as_deref().unwrap_or_default()),
            (None, Some(_), _) => "-H 'Cookie: …'".to_owned(),
            (None, None, Some(header)) => format!("-H '{}: …' # from the proxy:", header.name),
            (None, None, None) => String::new(),
        }
    }

    /// Whether pages pass their token explicitly instead of in a cookie.
    fn passes_token_explicitly(&self) -> bool {
        self.sources.config.settings.login.jwt.as_ref().is_some_and(|jwt| jwt.cookie.is_none())
    }

    /// The variable or file with the secret that signs forwarded events.
    fn forward_secret(&self) -> Option<String> {
        self.sources.config.forward_secret.as_ref()?;
        let file = || self.paths.forward_secret_file().display().to_string();
        Some(variable::secret(FORWARD_SECRET).map_or_else(file, |_| FORWARD_SECRET.to_owned()))
    }

    fn rows(&self) -> Vec<(&'static str, String)> {
        let config = &self.sources.config;
        let keys = &config.credentials;
        let origins = &config.settings.cors.allowed_origins;
        let pages = if origins.is_empty() { "same origin only".to_owned() } else { origins.join(", ") };
        let mut rows = vec![
            ("Keys", format!("{}, dev-id {}, from {}", keys.environment, keys.dev_id, keys.source)),
            ("API", keys.api_url.to_string()),
        ];
        rows.extend(self.sources.file.path.as_ref().map(|path| ("Settings", path.display().to_string())));
        rows.extend(logins(&config.settings.login).into_iter().map(|(_, login)| ("Login", login)));
        rows.push(("Pages", pages));
        rows.push(("Webhooks", self.destination.description()));
        rows.push(("Events", self.events()));
        rows.extend(self.addresses.operations.as_ref().map(|url| ("Operations", format!("{url}metrics"))));
        rows
    }

    fn events(&self) -> String {
        let Some(url) = &self.sources.config.settings.webhooks.forward_to else {
            return "stored; add --forward-to to forward them to the app".to_owned();
        };
        let created = if self.created_secret { " (created now)" } else { "" };
        format!("forwarded to {url}, signed with the secret in {}{created}", self.forward_secret().unwrap_or_default())
    }
}

impl fmt::Display for Welcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = self.origin();
        writeln!(f, "terra-auth {} gateway listening at {origin}\n", env!("CARGO_PKG_VERSION"))?;
        for (name, value) in self.rows() {
            writeln!(f, "  {name:<10} {value}")?;
        }
        write!(
            f,
            "\nTry this with the login of a user of the app:\n\n  \
             curl -X POST {} {origin}/api/terra/mobile-token\n\n\
             In a page of the app:\n\n  \
             import {{ createTerra }} from \"{origin}/terra.js\";\n  \
             button.onclick = () => createTerra({}).connect();\n\n\
             Press Ctrl-C to stop; send SIGHUP to reload settings, keys and secrets.\n",
            self.curl_option(),
            if self.passes_token_explicitly() { "{ token: () => yourToken }" } else { "" },
        )
    }
}
