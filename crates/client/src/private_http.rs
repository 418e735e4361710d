//! Plain HTTP to a server in the same private network, if the operator allows it.

use std::{
    env, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// The variable of the process environment that allows sending keys unencrypted to private addresses, with the value
/// `1` or `true`. It is for a server at a URL such as `http://terra:8787` in a compose network or a cluster, where no
/// other party can read the traffic. A credential file cannot allow it.
pub const ALLOW_PRIVATE_HTTP: &str = "TERRA_ALLOW_PRIVATE_HTTP";

/// Whether the operator allows plain HTTP to private addresses.
pub(crate) fn is_allowed() -> bool {
    env::var(ALLOW_PRIVATE_HTTP).is_ok_and(|value| ["1", "true"].contains(&value.trim()))
}

/// Whether the URL may have a private address. A host name may, until it is resolved.
pub(crate) fn may_be_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(_)) => true,
        Some(Host::Ipv4(address)) => is_private(address.into()),
        Some(Host::Ipv6(address)) => is_private(address.into()),
        None => false,
    }
}

fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let is_shared = address.to_bits() >> 22 == Ipv4Addr::new(100, 64, 0, 0).to_bits() >> 22;
            address.is_loopback() || address.is_private() || is_shared
        }
        IpAddr::V6(address) => address == Ipv6Addr::LOCALHOST || address.is_unique_local(),
    }
}

/// Resolves names to private addresses only. The connection uses one of these.
pub(crate) struct PrivateOnly;

impl Resolve for PrivateOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let private: Vec<SocketAddr> = found.filter(|address| is_private(address.ip())).collect();
            if private.is_empty() {
                let problem = "keys are sent unencrypted to private addresses only; use https";
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem).into());
            }
            Ok(Box::new(private.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{is_private, may_be_private};

    #[test]
    fn only_addresses_that_are_not_routed_on_the_internet_are_private() {
        for (address, expected) in [
            ("127.0.0.1", true),
            ("10.0.0.5", true),
            ("172.16.0.1", true),
            ("192.168.1.1", true),
            ("100.64.0.1", true),
            ("::1", true),
            ("fd00::1", true),
            ("1.2.3.4", false),
            ("100.128.0.1", false),
            ("169.254.169.254", false),
            ("0.0.0.0", false),
            ("fe80::1", false),
            ("2606:4700::1", false),
            ("::ffff:10.0.0.1", false),
        ] {
            assert_eq!(is_private(address.parse().unwrap()), expected, "{address}");
        }
        for (url, expected) in [("http://terra:8787/v2", true), ("http://10.0.0.5/", true), ("http://1.2.3.4/", false)]
        {
            assert_eq!(may_be_private(&url.parse().unwrap()), expected, "{url}");
        }
    }
}
