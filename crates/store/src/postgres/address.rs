//! The address of a server, and what it means for TLS.

use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use super::PostgresError;
use crate::engine::WAIT;

/// Reads an address and bounds what it leaves open.
pub(super) fn read(url: &SecretString) -> Result<Config, PostgresError> {
    let mut config: Config = url.expose_secret().parse().map_err(|_| PostgresError::Address)?;
    if config.get_application_name().is_none() {
        config.application_name("terra-auth");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(WAIT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(WAIT * 3);
    }
    Ok(config)
}

/// Whether the connection is to be encrypted, and the server's certificate checked.
pub(super) fn wants_tls(config: &Config) -> bool {
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
    use super::{read, wants_tls};

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
        ] {
            assert_eq!(wants_tls(&read(&address.into()).unwrap()), expected, "{address}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_read_is_not_shown() {
        let error = read(&"postgres://terra@host:secret/db".into()).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("secret"));
    }
}
