//! The URL of the servers: options of libpq, and our own.

use std::{net::IpAddr, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::{
    Config,
    config::{Host, SslMode, TargetSessionAttrs},
};

use super::PostgresError;

/// The time limit to connect and log in at one of several servers, before the next one is tried.
const HOST_TIMEOUT: Duration = Duration::from_millis(2500);
/// The time limit for the only server, which may be slow to start.
const ONLY_HOST_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sent bytes may remain unacknowledged.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
/// The maximum number of connections of one process, without `pool=`.
const POOL_SIZE: usize = 16;
const MAX_POOL_SIZE: usize = 1000;

/// The servers, and the options of their connections.
#[derive(Debug)]
pub(super) struct Address {
    /// One for each server, in the order of the URL.
    pub(super) hosts: Vec<Config>,
    /// The time limit to connect and log in at one server.
    pub(super) host_timeout: Duration,
    pub(super) tls: bool,
    pub(super) pool_size: usize,
    /// Whether statements are prepared once per connection. `None` detects it.
    pub(super) statement_cache: Option<bool>,
}

/// Options of libpq and other clients that have no meaning here. Only these are named in an error, because other text may be
/// part of a password.
const UNKNOWN: [&str; 25] = [
    "client_encoding",
    "connection_limit",
    "fallback_application_name",
    "gssencmode",
    "gsslib",
    "keepalives_count",
    "krbsrvname",
    "passfile",
    "pool_timeout",
    "replication",
    "require_auth",
    "requirepeer",
    "requiressl",
    "schema",
    "search_path",
    "service",
    "socket_timeout",
    "sslcert",
    "sslcertmode",
    "sslcrl",
    "sslkey",
    "sslpassword",
    "sslrootcert",
    "sslsni",
    "ssl_min_protocol_version",
];

impl Address {
    /// Reads a URL, and sets defaults for absent options.
    pub(super) fn read(url: &SecretString) -> Result<Self, PostgresError> {
        let (url, own) = split(url.expose_secret())?;
        let mut config: Config = url.parse().map_err(|_| PostgresError::Address)?;
        if config.get_application_name().is_none() {
            config.application_name("terra-auth");
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        let hosts = hosts(&config)?;
        let usual = if hosts.len() > 1 { HOST_TIMEOUT } else { ONLY_HOST_TIMEOUT };
        let host_timeout = config.get_connect_timeout().copied().unwrap_or(usual);
        let (tls, pool_size) = (wants_tls(&config), own.pool_size.unwrap_or(POOL_SIZE));
        Ok(Self { hosts, host_timeout, tls, pool_size, statement_cache: own.statement_cache })
    }
}

/// The options that PostgreSQL does not know.
#[derive(Default)]
struct Own {
    pool_size: Option<usize>,
    statement_cache: Option<bool>,
}

/// Removes our own options from a URL, translates libpq's spellings, and rejects options that would be ignored.
fn split(url: &str) -> Result<(String, Own), PostgresError> {
    let mut own = Own::default();
    let after_user = url.find('@').unwrap_or_default();
    let Some(start) = url[after_user..].find('?').map(|at| after_user + at) else { return Ok((url.to_owned(), own)) };
    let mut rest = Vec::new();
    for option in url[start + 1..].split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').ok_or(PostgresError::Address)?;
        match (name, value) {
            ("pool", size) => own.pool_size = Some(pool_size(size)?),
            ("statement_cache", "on") | ("pgbouncer", "false") => own.statement_cache = Some(true),
            ("statement_cache", "off") | ("pgbouncer", "true") => own.statement_cache = Some(false),
            ("statement_cache", "auto") => own.statement_cache = None,
            ("statement_cache" | "pgbouncer", _) => {
                return Err(option_of("statement_cache", "must be on, off or auto, and pgbouncer true or false"));
            }
            ("sslmode", "verify-full") => rest.push("sslmode=require".to_owned()), // which verifies at least as much
            ("sslmode", "disable" | "prefer" | "require") => rest.push(option.to_owned()),
            ("sslmode", _) => {
                return Err(option_of(
                    "sslmode",
                    "must be disable, prefer, require or verify-full; the last two check \
                    the server's certificate and name",
                ));
            }
            ("target_session_attrs", "any" | "read-write" | "primary") => {
                rest.push(option.replace("primary", "read-write"));
            }
            ("target_session_attrs", _) => {
                return Err(option_of("target_session_attrs", "must be read-write, primary or any: the store writes"));
            }
            (name, _) => match UNKNOWN.iter().find(|unknown| **unknown == name) {
                Some(unknown) => return Err(option_of(unknown, "is not supported; leave it out")),
                None => rest.push(option.to_owned()),
            },
        }
    }
    let separator = if rest.is_empty() { "" } else { "?" };
    Ok(([&url[..start], separator, &rest.join("&")].concat(), own))
}

fn pool_size(text: &str) -> Result<usize, PostgresError> {
    let size = text.parse().ok().filter(|size| (1..=MAX_POOL_SIZE).contains(size));
    size.ok_or_else(|| option_of("pool", "must be a number of connections from 1 to 1000"))
}

const fn option_of(name: &'static str, problem: &'static str) -> PostgresError {
    PostgresError::Option { name, problem }
}

/// One configuration for each server of an address.
fn hosts(config: &Config) -> Result<Vec<Config>, PostgresError> {
    let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let count = names.len().max(addresses.len());
    let fits = |len: usize| len <= 1 || len == count;
    if count == 0
        || !fits(ports.len())
        || (!names.is_empty() && !addresses.is_empty() && names.len() != addresses.len())
    {
        return Err(PostgresError::Address);
    }
    let attributes = match config.get_target_session_attrs() {
        TargetSessionAttrs::Any if count > 1 => TargetSessionAttrs::ReadWrite,
        asked => asked,
    };
    let one = |index: usize| {
        let mut one = without_hosts(config);
        one.target_session_attrs(attributes).port(*ports.get(index).or_else(|| ports.first()).unwrap_or(&5432));
        match names.get(index) {
            Some(Host::Tcp(name)) => {
                one.host(name);
            }
            #[cfg(unix)]
            Some(Host::Unix(path)) => {
                one.host_path(path);
            }
            None => {}
        }
        if let Some(address) = addresses.get(index) {
            one.hostaddr(*address);
        }
        one
    };
    Ok((0..count).map(one).collect())
}

/// All settings except the servers.
fn without_hosts(from: &Config) -> Config {
    let mut config = Config::new();
    config.keepalives(from.get_keepalives()).keepalives_idle(from.get_keepalives_idle());
    config.ssl_mode(from.get_ssl_mode()).ssl_negotiation(from.get_ssl_negotiation());
    config.channel_binding(from.get_channel_binding());
    if let Some(user) = from.get_user() {
        config.user(user);
    }
    if let Some(password) = from.get_password() {
        config.password(password);
    }
    if let Some(name) = from.get_dbname() {
        config.dbname(name);
    }
    if let Some(options) = from.get_options() {
        config.options(options);
    }
    if let Some(name) = from.get_application_name() {
        config.application_name(name);
    }
    if let Some(timeout) = from.get_tcp_user_timeout() {
        config.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = from.get_keepalives_interval() {
        config.keepalives_interval(interval);
    }
    if let Some(retries) = from.get_keepalives_retries() {
        config.keepalives_retries(retries);
    }
    config
}

/// Whether the connection is encrypted and the server's certificate verified.
fn wants_tls(config: &Config) -> bool {
    match config.get_ssl_mode() {
        SslMode::Disable => false,
        SslMode::Prefer => config.get_hosts().iter().any(is_elsewhere) || config.get_hostaddrs().iter().any(is_remote),
        _ => true,
    }
}

fn is_elsewhere(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => name != "localhost" && name.parse().map_or(true, |address| is_remote(&address)),
        #[cfg(unix)]
        Host::Unix(_) => false,
    }
}

fn is_remote(address: &IpAddr) -> bool {
    !address.is_loopback()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio_postgres::config::TargetSessionAttrs;

    use super::Address;

    #[test]
    fn a_server_elsewhere_is_spoken_to_in_tls_unless_that_is_disabled() {
        for (address, expected) in [
            ("postgres://db.example/terra", true),
            ("postgres://192.0.2.1/terra", true),
            ("postgres://db.example/terra?sslmode=disable", false),
            ("postgres://localhost/terra", false),
            ("postgres://127.0.0.1/terra", false),
            ("postgres://[::1]/terra", false),
            ("postgres:///terra?host=/run/postgresql", false),
            ("postgres://localhost/terra?sslmode=require", true),
            ("postgres://localhost/terra?sslmode=verify-full", true),
        ] {
            assert_eq!(Address::read(&address.into()).unwrap().tls, expected, "{address}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_read_is_not_shown() {
        for address in ["postgres://terra@host:secret/db", "postgres://terra:x@host/db?secret=1", "postgres://a?secret"]
        {
            let error = Address::read(&address.into()).unwrap_err();
            assert!(!format!("{error:?} {error}").contains("secret"));
        }
    }

    #[test]
    fn the_writable_one_of_several_servers_is_found() {
        let address = Address::read(&"postgres://u:p@a.example:1,b.example:2/db?sslmode=disable".into()).unwrap();
        assert_eq!(address.hosts.iter().map(|host| host.get_ports()[0]).collect::<Vec<_>>(), [1, 2]);
        for host in &address.hosts {
            assert_eq!((host.get_hosts().len(), host.get_user(), host.get_dbname()), (1, Some("u"), Some("db")));
            assert_eq!(host.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
        }
        assert_eq!(address.host_timeout, Duration::from_millis(2500));
    }

    #[test]
    fn our_own_options_are_read_and_not_passed_on() {
        let read = |options: &str| Address::read(&format!("postgres://u:p%3F@localhost/db{options}").into()).unwrap();
        let (plain, set) = (read(""), read("?pool=3&application_name=x&statement_cache=off"));
        assert_eq!((plain.pool_size, plain.statement_cache), (16, None));
        assert_eq!((set.pool_size, set.statement_cache), (3, Some(false)));
        assert_eq!(set.hosts[0].get_application_name(), Some("x"));
        assert_eq!(read("?pgbouncer=true").statement_cache, Some(false));
        assert_eq!(read("?channel_binding=prefer&connect_timeout=4").host_timeout, Duration::from_secs(4));
    }

    #[test]
    fn an_option_that_would_be_ignored_is_refused_by_its_name() {
        for (option, name) in [
            ("sslrootcert=/etc/ssl/ca.pem", "sslrootcert"),
            ("sslmode=allow", "sslmode"),
            ("schema=public", "schema"),
            ("target_session_attrs=read-only", "target_session_attrs"),
            ("pool=0", "pool"),
            ("statement_cache=maybe", "statement_cache"),
        ] {
            let error = Address::read(&format!("postgres://u:word@localhost/db?{option}").into()).unwrap_err();
            assert!(error.to_string().contains(name) && !error.to_string().contains("word"), "{error}");
        }
    }
}
