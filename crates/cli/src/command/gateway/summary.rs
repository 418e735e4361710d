//! What everything that was read amounts to, without a secret.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use secrecy::ExposeSecret as _;
use serde::Serialize;
use terra_auth::{
    Credentials,
    ownership::{self, Access},
};
use terra_auth_gateway::{Config, settings::LoginSettings};
use terra_auth_outbound::environment_proxy;
use toml::{Table, Value};
use url::Url;

use crate::keeping::without_password;

use super::{
    options::{FORWARD_SECRET, Options, PROXY_SECRET, STORE, SettingsFile},
    sources::Sources,
};
use crate::variable;

pub(super) struct Summary {
    pub(super) rows: Vec<Row>,
    /// What works and should be mended.
    pub(super) warnings: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Row {
    pub(super) setting: String,
    pub(super) value: String,
    pub(super) origin: String,
}

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Settings that have rows of their own; those below them too.
const TOLD: [&str; 8] = [
    "listen",
    "public_hosts",
    "operations_listen",
    "tls",
    "store",
    "login",
    "cors.allowed_origins",
    "webhooks.forward_to",
];

impl Summary {
    pub(super) fn of(sources: &Sources, options: &Options) -> Self {
        let mut rows = Rows { sources, rows: Vec::new() };
        rows.credentials(&sources.config.credentials);
        rows.places(options);
        rows.logins(options);
        rows.events(options);
        rows.others();
        Self { rows: rows.rows, warnings: warnings(sources) }
    }
}

/// Each way to tell who is logged in, for people.
pub(super) fn logins(login: &LoginSettings) -> Vec<(&'static str, String)> {
    let header = login.trusted_header.as_ref().map(|header| {
        let peers: Vec<_> = header.peers.iter().map(ToString::to_string).collect();
        ("login.trusted_header", format!("{} from {}", header.name, peers.join(", ")))
    });
    let jwt = login.jwt.as_ref().map(|jwt| {
        let claim = jwt.user_claim.as_deref().unwrap_or("sub");
        ("login.jwt", format!("{claim} in tokens of {} for {}", jwt.issuer.join(", "), jwt.audience.join(", ")))
    });
    let who_am_i = login.who_am_i.as_ref().map(|who| {
        let field = who
            .user_header
            .as_ref()
            .map_or_else(|| who.user_field.as_deref().unwrap_or("id").to_owned(), |header| format!("header {header}"));
        ("login.who_am_i", format!("{field} in the answer of {}", who.url))
    });
    [header, jwt, who_am_i].into_iter().flatten().collect()
}

/// Where the issuer's keys are, if the proxy of the process environment fetches them, and that proxy.
fn keys_proxy(login: &LoginSettings) -> Option<(Url, String)> {
    let jwt = login.jwt.as_ref()?;
    let of_issuer = || jwt.issuer.first().filter(|_| jwt.public_key_file.is_none())?.parse().ok();
    let url = jwt.jwks_url.clone().or_else(of_issuer)?;
    environment_proxy(&url).map(|proxy| (url, proxy))
}

struct Rows<'a> {
    sources: &'a Sources,
    rows: Vec<Row>,
}

impl Rows<'_> {
    fn add(&mut self, setting: &str, value: impl Into<String>, origin: impl Into<String>) {
        let (setting, value, origin) = (setting.to_owned(), value.into(), origin.into());
        self.rows.push(Row { setting, value, origin });
    }

    fn credentials(&mut self, credentials: &Credentials) {
        let Credentials { environment, dev_id, api_url, source, .. } = credentials;
        let source = source.to_string();
        self.add("environment", environment.as_str(), "--env or TERRA_ENV");
        self.add("dev-id", dev_id.to_string(), &source);
        self.add("API", api_url.as_str(), &source);
        let secrets = match credentials.signing_secrets().count() {
            0 => "none",
            1 => "set",
            _ => "set, and the one that it replaces",
        };
        self.add("signing secret", secrets, source);
    }

    fn places(&mut self, options: &Options) {
        let settings = &self.sources.config.settings;
        let flag = options.listen.map(|_| "--listen");
        self.add("listen", or_none(settings.listen.as_ref()), self.origin(flag, "listen"));
        let tls = settings.tls.as_ref().map(|tls| format!("{} with {}", tls.certificate.display(), tls.key.display()));
        self.add("tls", or_none(tls.as_ref()), self.origin(None, "tls"));
        let hosts = Some(settings.public_hosts.join(", ")).filter(|hosts| !hosts.is_empty());
        let hosts = hosts.unwrap_or_else(|| "localhost, addresses, and names without a dot".to_owned());
        let flag = options.public_host.first().map(|_| "--public-host");
        self.add("public_hosts", hosts, self.origin(flag, "public_hosts"));
        let flag = options.operations_listen.map(|_| "--operations-listen");
        let operations = or_none(settings.operations_listen.as_ref());
        self.add("operations_listen", operations, self.origin(flag, "operations_listen"));
        let origin = self.origin(variable::secret(STORE).map(|_| STORE), "store");
        self.add("store", without_password(self.sources.store.expose_secret()), origin);
    }

    fn logins(&mut self, options: &Options) {
        let settings = &self.sources.config.settings;
        for (setting, value) in logins(&settings.login) {
            let flag = options.who_am_i.as_ref().filter(|_| setting == "login.who_am_i").map(|_| "--who-am-i");
            self.add(setting, value, self.origin(flag, setting));
        }
        if let Some((url, proxy)) = keys_proxy(&settings.login) {
            let value = format!("{proxy}, for the issuer's keys at {url}");
            self.add("proxy", value, "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY");
        }
        let flag = options.allow_origin.first().map(|_| "--allow-origin");
        let key = "cors.allowed_origins";
        let origins = Some(settings.cors.allowed_origins.join(", ")).filter(|origins| !origins.is_empty());
        self.add(key, or_none(origins.as_ref()), self.origin(flag, key));
    }

    fn events(&mut self, options: &Options) {
        let key = "webhooks.forward_to";
        let url = self.sources.config.settings.webhooks.forward_to.as_ref();
        self.add(key, or_none(url), self.origin(options.forward_to.as_ref().map(|_| "--forward-to"), key));
        if url.is_some() {
            let file = options.places.forward_secret_file();
            let (value, origin) = match variable::secret(FORWARD_SECRET) {
                Some(_) => ("set", FORWARD_SECRET.to_owned()),
                None if file.exists() => ("set", file.display().to_string()),
                None => ("made at the first start", file.display().to_string()),
            };
            self.add("forward secret", value, origin);
        }
    }

    /// What the file has besides.
    fn others(&mut self) {
        for (setting, value) in leaves(&self.sources.file.table, "") {
            if !TOLD.iter().any(|told| is_in(&setting, told)) {
                self.add(&setting, value, self.origin(None, &setting));
            }
        }
    }

    /// What was given, else the file if it has the setting.
    fn origin(&self, given: Option<&str>, setting: &str) -> String {
        let SettingsFile { path, table, .. } = &self.sources.file;
        let has = || leaves(table, "").iter().any(|(name, _)| is_in(name, setting));
        let of_file = || path.as_ref().filter(|_| has()).map(|path| path.display().to_string());
        given.map(str::to_owned).or_else(of_file).unwrap_or_else(|| "default".to_owned())
    }
}

/// Every value in a table, by its whole name.
fn leaves(table: &Table, prefix: &str) -> Vec<(String, String)> {
    let named = table.iter().map(|(name, value)| (format!("{prefix}{name}"), value));
    let of = |(name, value): (String, &Value)| match value {
        Value::Table(table) => leaves(table, &format!("{name}.")),
        value => vec![(name, value.to_string())],
    };
    named.flat_map(of).collect()
}

fn is_in(setting: &str, section: &str) -> bool {
    setting.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn or_none(value: Option<&impl ToString>) -> String {
    value.map_or_else(|| "none".to_owned(), ToString::to_string)
}

fn warnings(sources: &Sources) -> Vec<String> {
    let Config { settings, credentials, .. } = &sources.config;
    let no_secret = credentials.signing_secret.is_none().then(|| {
        format!(
            "no webhook can be verified, so each is refused: TERRA_SIGNING_SECRET is missing in {}",
            credentials.source
        )
    });
    let plain =
        settings.listen.filter(|address| !address.ip().is_loopback() && settings.tls.is_none()).map(|address| {
            format!(
                "logins come to {address} unencrypted; set [tls], or listen on loopback behind a proxy that ends TLS"
            )
        });
    let operations = settings.operations_listen.filter(|address| address.ip().is_unspecified());
    let operations = operations.map(|address| format!("whoever reaches {address} can read the metrics"));
    let key = settings.tls.as_ref().and_then(|tls| ownership::check(&tls.key, Access::ReadOrChange).err());
    let key = key.map(|error| format!("{error}; {}", error.remedy()));
    let proxy = keys_proxy(&settings.login).filter(|(url, _)| url.scheme() == "http").map(|(url, proxy)| {
        format!("the keys that sign logins come unencrypted from {url} through {proxy}: whoever answers behind it can log in as any user")
    });
    let peers = settings.login.trusted_header.iter().flat_map(|header| &header.peers);
    let is_local = peers.clone().any(|net| LOOPBACK.iter().any(|address| net.contains(address)));
    let local = (is_local && sources.config.proxy_secret.is_none()).then(|| {
        format!(
            "any program on this machine can log in as any user, as a trusted peer is on loopback: have the proxy send a \
             secret in x-proxy-secret, and set it as {PROXY_SECRET}"
        )
    });
    [no_secret, plain, operations, key, proxy, local].into_iter().flatten().collect()
}
