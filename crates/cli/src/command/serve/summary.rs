//! The effective settings of a server, without secrets.

use std::fmt;

use secrecy::ExposeSecret as _;
use serde::Serialize;
use terra_auth::Provider;
use terra_auth_egress::environment_proxy;
use terra_auth_model::developer::{Developer, EnvironmentStatus};

use super::{GRACE_PERIOD, Options};
use crate::{credentials::variable, service::storage_options::without_password};

pub(super) struct Summary {
    pub(super) rows: Vec<Row>,
    /// Settings that work but should be fixed.
    pub(super) warnings: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Row {
    pub(super) setting: &'static str,
    pub(super) value: String,
    pub(super) origin: String,
}

impl Summary {
    /// `offered` are the providers at which the server has an app.
    pub(super) fn of(options: &Options, offered: &[Provider]) -> anyhow::Result<Self> {
        let limits = options.connections.limits(GRACE_PERIOD)?;
        let listen = options.listen.to_string();
        let mut summary = Self { rows: Vec::new(), warnings: Vec::new() };
        summary.add(
            "listen",
            listen.clone(),
            origin("TERRA_AUTH_LISTEN", "--listen", &listen, listen == "127.0.0.1:8787"),
        );
        let url = options.public_url.as_ref().map(ToString::to_string);
        let from = origin("TERRA_AUTH_PUBLIC_URL", "--public-url", url.as_deref().unwrap_or_default(), url.is_none());
        summary.add("public URL", url.clone().unwrap_or_else(|| format!("http://{listen}/")), from);
        let store = options.storage.store();
        let from = origin("TERRA_AUTH_STORE", "--store", store.expose_secret(), !options.storage.has_store());
        summary.add("store", without_password(store.expose_secret()), from);
        let data_dir = options.storage.data_dir.display().to_string();
        summary.add(
            "data directory",
            data_dir.clone(),
            origin("TERRA_AUTH_DATA_DIR", "--data-dir", &data_dir, data_dir == ".terra-auth"),
        );
        let (value, from) = options.storage.master_key_origin();
        summary.add("master key", value, from);
        summary.providers(options, offered);
        let reach =
            if options.allow_private_addresses { "public and private addresses" } else { "public addresses only" };
        let proxy = "https://provider.invalid/".parse().ok().and_then(|url| environment_proxy(&url));
        let reach =
            proxy.map_or_else(|| reach.to_owned(), |proxy| format!("{reach}; providers through the proxy {proxy}"));
        summary.add(
            "outgoing calls",
            reach,
            option_or_default(options.allow_private_addresses, "--allow-private-addresses"),
        );
        let share = limits.connections_per_peer.map_or_else(|| "no limit".to_owned(), |share| share.to_string());
        let connections =
            format!("{}, per peer: {share}; idle for {} s", limits.connections, limits.idle_timeout.as_secs());
        summary.add("connections", connections, "flags, variables, memory and open files");
        let access_log = options.connections.access_log();
        let from = if variable::secret("TERRA_AUTH_ACCESS_LOG").is_some() {
            "TERRA_AUTH_ACCESS_LOG"
        } else {
            option_or_default(access_log, "--access-log")
        };
        summary.add("access log", if access_log { "on" } else { "off" }, from);
        if url.is_none() && !options.listen.ip().is_loopback() {
            summary.warnings.push("browsers use the listen address, without TLS; set --public-url".to_owned());
        }
        Ok(summary)
    }

    /// Adds the environments in the store.
    pub(super) fn add_environments(&mut self, developers: &[Developer]) {
        let name = |developer: &Developer| {
            let state = if developer.status == EnvironmentStatus::Active { "" } else { " (disabled)" };
            format!("{} {}{state}", developer.environment, developer.dev_id)
        };
        let names: Vec<_> = developers.iter().take(MAX_NAMES).map(name).collect();
        self.add("environments", join_names(&names, developers.len()), "store");
        let unbound: Vec<_> = developers.iter().filter(|developer| !developer.bound_tokens_only).collect();
        let names: Vec<_> = unbound.iter().take(MAX_NAMES).map(|developer| developer.dev_id.to_string()).collect();
        let value = match unbound.len() {
            0 => "must be bound to a reference id".to_owned(),
            count => format!(
                "need not be bound in {}: a phone that redeems an unbound token can name any user and take over that \
                 user's connection; set bound_tokens_only if your backend binds tokens",
                join_names(&names, count)
            ),
        };
        self.add("mobile tokens", value, "store");
    }

    fn providers(&mut self, options: &Options, offered: &[Provider]) {
        if options.sandbox {
            self.add("providers", "the practice provider, where anyone can sign in", "--sandbox");
            return;
        }
        let names: Vec<_> = offered.iter().take(MAX_NAMES).map(ToString::to_string).collect();
        let from =
            options.provider_apps.as_ref().map_or_else(|| "default".to_owned(), |file| file.display().to_string());
        self.add("providers with an app", join_names(&names, offered.len()), from);
        if offered.is_empty() {
            self.warnings.push(
                "this server has no app at any provider, so only environments with their own apps can connect users; add \
                 apps with --provider-apps FILE or `terra-auth providers app set`, or test with --sandbox"
                    .to_owned(),
            );
        }
    }

    fn add(&mut self, setting: &'static str, value: impl Into<String>, origin: impl Into<String>) {
        self.rows.push(Row { setting, value: value.into(), origin: origin.into() });
    }
}

/// Further names are only counted.
const MAX_NAMES: usize = 12;

fn join_names(names: &[String], count: usize) -> String {
    match count.checked_sub(names.len()) {
        _ if names.is_empty() => "none".to_owned(),
        Some(more @ 1..) => format!("{}, and {more} more", names.join(", ")),
        _ => names.join(", "),
    }
}

/// The source of a value. Clap has already merged the variable and the option; the option has precedence.
fn origin(name: &'static str, flag: &'static str, value: &str, is_default: bool) -> &'static str {
    let same = |text: &str| text.trim().trim_end_matches('/') == value.trim_end_matches('/');
    if variable::secret(name).is_some_and(|text| same(text.expose_secret())) {
        name
    } else {
        option_or_default(!is_default, flag)
    }
}

fn option_or_default(is_given: bool, flag: &'static str) -> &'static str {
    if is_given { flag } else { "default" }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.setting.len()).max().unwrap_or_default();
        for (index, row) in self.rows.iter().enumerate() {
            let end = if index == 0 { "" } else { "\n" };
            write!(f, "{end}  {:width$}  {}", row.setting, row.value)?;
        }
        Ok(())
    }
}
