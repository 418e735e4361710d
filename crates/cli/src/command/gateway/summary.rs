//! The effective settings and their sources, without secrets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use secrecy::ExposeSecret as _;
use serde::Serialize;
use terra_auth::{
    Credentials,
    ownership::{self, Access},
};
use terra_auth_egress::environment_proxy;
use terra_auth_gateway::{Config, settings::LoginSettings};
use toml::{Table, Value};
use url::Url;

use super::{
    options::{FORWARD_SECRET, Options, PROXY_SECRET, STORE, SettingsFile},
    sources::Sources,
};
use crate::{credentials::variable, service::storage_options::without_password};

pub(super) struct Summary {
    pub(super) rows: Vec<Row>,
    /// Settings that work but should be fixed.
    pub(super) warnings: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Row {
    pub(super) setting: String,
    pub(super) value: String,
    pub(super) origin: String,
}

const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Settings, and sections of settings, that have their own rows.
const SHOWN_SETTINGS: [&str; 8] = [
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
        let mut rows = SettingRows { sources, rows: Vec::new() };
        rows.credentials(&sources.config.credentials);
        rows.addresses(options);
        rows.logins(options);
        rows.events(options);
        rows.other_settings();
        Self { rows: rows.rows, warnings: warnings(sources) }
    }
}

/// Each configured login method: the name of its setting, and a description.
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
        ("login.who_am_i", format!("{field} in the response of {}", who.url))
    });
    [header, jwt, who_am_i].into_iter().flatten().collect()
}

/// The URL of the issuer's keys, and the proxy from the process environment through which they are fetched.
/// `None` if there is no such proxy.
fn keys_proxy(login: &LoginSettings) -> Option<(Url, String)> {
    let jwt = login.jwt.as_ref()?;
    let of_issuer = || jwt.issuer.first().filter(|_| jwt.public_key_file.is_none())?.parse().ok();
    let url = jwt.jwks_url.clone().or_else(of_issuer)?;
    environment_proxy(&url).map(|proxy| (url, proxy))
}

struct SettingRows<'a> {
    sources: &'a Sources,
    rows: Vec<Row>,
}

impl SettingRows<'_> {
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
            _ => "set, with the previous one",
        };
        self.add("signing secret", secrets, source);
    }

    fn addresses(&mut self, options: &Options) {
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
            let file = options.paths.forward_secret_file();
            let (value, origin) = match variable::secret(FORWARD_SECRET) {
                Some(_) => ("set", FORWARD_SECRET.to_owned()),
                None if file.exists() => ("set", file.display().to_string()),
                None => ("created by the first start", file.display().to_string()),
            };
            self.add("forward secret", value, origin);
        }
    }

    /// The other settings in the file.
    fn other_settings(&mut self) {
        for (setting, value) in flatten_table(&self.sources.file.table, "") {
            if !SHOWN_SETTINGS.iter().any(|section| is_in(&setting, section)) {
                self.add(&setting, value, self.origin(None, &setting));
            }
        }
    }

    /// The source of a setting: the given one, else the file if it contains the setting.
    fn origin(&self, given: Option<&str>, setting: &str) -> String {
        let SettingsFile { path, table, .. } = &self.sources.file;
        let has = || flatten_table(table, "").iter().any(|(name, _)| is_in(name, setting));
        let of_file = || path.as_ref().filter(|_| has()).map(|path| path.display().to_string());
        given.map(str::to_owned).or_else(of_file).unwrap_or_else(|| "default".to_owned())
    }
}

/// Every value in a table, by its full name.
fn flatten_table(table: &Table, prefix: &str) -> Vec<(String, String)> {
    let named = table.iter().map(|(name, value)| (format!("{prefix}{name}"), value));
    let of = |(name, value): (String, &Value)| match value {
        Value::Table(table) => flatten_table(table, &format!("{name}.")),
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
            "every webhook is rejected, because none can be verified: TERRA_SIGNING_SECRET is missing in {}",
            credentials.source
        )
    });
    let plain =
        settings.listen.filter(|address| !address.ip().is_loopback() && settings.tls.is_none()).map(|address| {
            format!(
                "logins are sent to {address} unencrypted; set [tls], or listen on loopback behind a proxy that terminates TLS"
            )
        });
    let operations = settings.operations_listen.filter(|address| address.ip().is_unspecified());
    let operations = operations.map(|address| format!("every client that can reach {address} can read the metrics"));
    let key = settings.tls.as_ref().and_then(|tls| ownership::check(&tls.key, Access::ReadOrChange).err());
    let key = key.map(|error| format!("{error}; {}", error.remedy()));
    let proxy = keys_proxy(&settings.login).filter(|(url, _)| url.scheme() == "http").map(|(url, proxy)| {
        format!(
            "the keys that verify logins are fetched unencrypted from {url} through {proxy}: an attacker on that path can \
             log in as any user; use https"
        )
    });
    let peers = settings.login.trusted_header.iter().flat_map(|header| &header.peers);
    let is_local = peers.clone().any(|net| LOOPBACK.iter().any(|address| net.contains(address)));
    let local = (is_local && sources.config.proxy_secret.is_none()).then(|| {
        format!(
            "any program on this machine can log in as any user, because a trusted peer is on loopback: configure the \
             proxy to send a secret in x-proxy-secret, and set {PROXY_SECRET} to it"
        )
    });
    [no_secret, plain, operations, key, proxy, local].into_iter().flatten().collect()
}
