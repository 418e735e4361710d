//! Address rules for outgoing calls. The client connects to the address that was checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use terra_auth_types::redirect::is_loopback;
use url::{Host, Url};

/// The addresses that may be called. No policy permits addresses that are never a valid destination: link-local ones with
/// their cloud metadata, multicast, documentation, and addresses that embed another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// Public addresses over `https` only.
    #[default]
    Public,
    /// Loopback and private networks too, and plain `http` to those: for development, tests and closed networks.
    AllowPrivate,
    /// Private networks too, but plain `http` on loopback only: for calls that decide about a login.
    PlainOnLoopback,
}

/// Why a URL must not be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The scheme is `http` or not an HTTP scheme.
    #[error("must be https")]
    NotHttps,
    /// Plain HTTP to an address that is not private.
    #[error("must be https, because its address is not private")]
    PlainToPublic,
    /// Plain HTTP to an address that is not loopback.
    #[error("must be https, except on loopback")]
    PlainBeyondLoopback,
    /// The policy forbids the address, or the address that the name resolves to.
    #[error("its address is not public")]
    Address,
}

impl AddressPolicy {
    /// Checks a URL before its name is resolved: the scheme, and an IP address.
    ///
    /// # Errors
    ///
    /// See [`Forbidden`].
    pub fn check(self, url: &Url) -> Result<(), Forbidden> {
        let scheme = match url.scheme() {
            "https" => Scheme::Https,
            "http" if self != Self::Public => Scheme::Http,
            _ => return Err(Forbidden::NotHttps),
        };
        let must_be_local = scheme == Scheme::Http && self == Self::PlainOnLoopback;
        match url.host() {
            Some(Host::Ipv4(address)) => self.decide(scheme, address.into()),
            Some(Host::Ipv6(address)) => self.decide(scheme, address.into()),
            Some(Host::Domain(_)) if must_be_local && !is_loopback(url) => Err(Forbidden::PlainBeyondLoopback),
            Some(Host::Domain(_)) => Ok(()), // the resolver decides
            None => Err(Forbidden::Address),
        }
    }

    /// Whether an encrypted connection to an address is allowed.
    #[must_use]
    pub fn permits(self, address: IpAddr) -> bool {
        self.decide(Scheme::Https, address).is_ok()
    }

    fn decide(self, scheme: Scheme, address: IpAddr) -> Result<(), Forbidden> {
        match (AddressClass::of(address), scheme) {
            (AddressClass::Forbidden, _) => Err(Forbidden::Address),
            (AddressClass::Private, _) if self == Self::Public => Err(Forbidden::Address),
            (AddressClass::Public, Scheme::Http) => Err(Forbidden::PlainToPublic),
            (AddressClass::Private, Scheme::Http) if self == Self::PlainOnLoopback && !address.is_loopback() => {
                Err(Forbidden::PlainBeyondLoopback)
            }
            (AddressClass::Public | AddressClass::Private, Scheme::Https) | (AddressClass::Private, Scheme::Http) => {
                Ok(())
            }
        }
    }
}

/// The transport of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

/// Resolves names to permitted addresses only. The client connects to one of these, so DNS rebinding between check and call
/// is not possible.
pub(crate) struct GuardedResolver {
    pub policy: AddressPolicy,
    pub scheme: Scheme,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let Self { policy, scheme } = *self;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let (mut permitted, mut forbidden) = (Vec::<SocketAddr>::new(), Forbidden::Address);
            for address in found {
                match policy.decide(scheme, address.ip()) {
                    Ok(()) => permitted.push(address),
                    Err(reason) => forbidden = reason,
                }
            }
            if permitted.is_empty() {
                return Err(forbidden.into());
            }
            Ok(Box::new(permitted.into_iter()) as Addrs)
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AddressClass {
    Public,
    Private,
    Forbidden,
}

impl AddressClass {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        let within = |nets: &[(Ipv4Addr, u32)]| nets.iter().any(|net| is_within_v4(address, *net));
        if within(&NOWHERE_V4) {
            Self::Forbidden
        } else if within(&PRIVATE_V4) {
            Self::Private
        } else {
            Self::Public
        }
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        let within = |nets: &[(Ipv6Addr, u32)]| nets.iter().any(|net| is_within_v6(address, *net));
        if is_within_v6(address, NAT64) {
            let [.., a, b, c, d] = address.octets();
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        } else if within(&NOWHERE_V6) {
            Self::Forbidden
        } else if within(&PRIVATE_V6) {
            Self::Private
        } else if is_within_v6(address, GLOBAL_UNICAST) {
            Self::Public
        } else {
            Self::Forbidden
        }
    }
}

fn is_within_v4(address: Ipv4Addr, (net, bits): (Ipv4Addr, u32)) -> bool {
    (address.to_bits() ^ net.to_bits()) >> (Ipv4Addr::BITS - bits) == 0
}

fn is_within_v6(address: Ipv6Addr, (net, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ net.to_bits()) >> (Ipv6Addr::BITS - bits) == 0
}

const fn v4(a: u8, b: u8, c: u8, d: u8, bits: u32) -> (Ipv4Addr, u32) {
    (Ipv4Addr::new(a, b, c, d), bits)
}

const fn v6(first: [u16; 3], last: u16, bits: u32) -> (Ipv6Addr, u32) {
    (Ipv6Addr::new(first[0], first[1], first[2], 0, 0, 0, 0, last), bits)
}

// The tables follow IANA's special-purpose address registries (RFC 6890), and add the metadata services of clouds.

const PRIVATE_V4: [(Ipv4Addr, u32); 5] = [
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10), // carrier-grade NAT
    v4(127, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 168, 0, 0, 16),
];

const NOWHERE_V4: [(Ipv4Addr, u32); 12] = [
    v4(0, 0, 0, 0, 8),
    v4(100, 100, 100, 200, 32), // Alibaba's metadata
    v4(168, 63, 129, 16, 32),   // Azure's host
    v4(169, 254, 0, 0, 16),     // link-local, with most clouds' metadata
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24), // 6to4 relays
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(224, 0, 0, 0, 4),
    v4(240, 0, 0, 0, 4),
];

const GLOBAL_UNICAST: (Ipv6Addr, u32) = v6([0x2000, 0, 0], 0, 3);
/// The prefix of embedded IPv4 addresses (NAT64), which are checked instead. DNS64 returns them in networks without IPv4.
const NAT64: (Ipv6Addr, u32) = v6([0x64, 0xff9b, 0], 0, 96);
const PRIVATE_V6: [(Ipv6Addr, u32); 2] = [v6([0, 0, 0], 1, 128), v6([0xfc00, 0, 0], 0, 7)];

const NOWHERE_V6: [(Ipv6Addr, u32); 6] = [
    v6([0x2001, 0, 0], 0, 23), // Teredo and other protocols' own
    v6([0x2001, 0xdb8, 0], 0, 32),
    v6([0x2002, 0, 0], 0, 16), // 6to4
    v6([0x3fff, 0, 0], 0, 20),
    v6([0xfd00, 0xec2, 0], 0x254, 128), // Amazon's metadata
    v6([0xfd20, 0xce, 0], 0x254, 128),  // Google's metadata
];

#[cfg(test)]
mod tests {
    use reqwest::dns::Resolve as _;

    use super::{AddressPolicy, Forbidden, GuardedResolver, Scheme};

    const PUBLIC: [&str; 9] = [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.32.0.0",
        "223.255.255.255",
        "2606:4700:4700::1111",
        "64:ff9b::1.1.1.1",
    ];

    const PRIVATE: [&str; 12] = [
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "::1",
        "fc00::1",
        "fdff:ffff::1",
        "64:ff9b::10.0.0.1",
    ];

    const NOWHERE: [&str; 35] = [
        "0.0.0.0",
        "0.1.2.3",
        "100.100.100.200",
        "168.63.129.16",
        "169.254.169.254",
        "169.254.0.1",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1.1.1.1",
        "::ffff:127.0.0.1",
        "::ffff:1.1.1.1",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::1.1.1.1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:101:101::1",
        "3fff::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ];

    #[test]
    fn each_policy_permits_its_addresses_and_no_others() {
        let permitted = |policy: AddressPolicy, text: &str| policy.permits(text.parse().unwrap());
        for (addresses, by_public, by_private) in
            [(&PUBLIC[..], true, true), (&PRIVATE[..], false, true), (&NOWHERE[..], false, false)]
        {
            for address in addresses {
                assert_eq!(permitted(AddressPolicy::Public, address), by_public, "{address}");
                assert_eq!(permitted(AddressPolicy::AllowPrivate, address), by_private, "{address}");
            }
        }
    }

    #[test]
    fn an_address_in_place_of_a_name_is_checked_however_it_is_written() {
        let check = |text: &str| AddressPolicy::Public.check(&text.parse().unwrap());
        for url in
            ["https://127.1/", "https://0x7f000001/", "https://2130706433/", "https://127.0.0.1./", "https://[::1]/"]
        {
            assert_eq!(check(url), Err(Forbidden::Address), "{url}");
        }
        for url in ["https://a.example/", "https://1.1.1.1/", "https://[2606:4700:4700::1111]/x"] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
    }

    #[test]
    fn plain_http_needs_the_operators_word() {
        let url = "http://a.example/".parse().unwrap();
        assert_eq!(AddressPolicy::Public.check(&url), Err(Forbidden::NotHttps));
        assert_eq!(AddressPolicy::AllowPrivate.check(&url), Ok(()));
        assert_eq!(AddressPolicy::AllowPrivate.check(&"ftp://a.example/".parse().unwrap()), Err(Forbidden::NotHttps));
    }

    #[test]
    fn plain_http_goes_to_private_addresses_or_to_loopback_only() {
        let check = |policy: AddressPolicy, url: &str| policy.check(&url.parse().unwrap());
        for (url, private, loopback) in [
            ("http://127.0.0.1/", Ok(()), Ok(())),
            ("http://[::1]/", Ok(()), Ok(())),
            ("http://localhost/", Ok(()), Ok(())),
            ("http://10.0.0.1/", Ok(()), Err(Forbidden::PlainBeyondLoopback)),
            ("http://[fd00::1]/", Ok(()), Err(Forbidden::PlainBeyondLoopback)),
            ("http://app/", Ok(()), Err(Forbidden::PlainBeyondLoopback)),
            ("http://1.2.3.4/", Err(Forbidden::PlainToPublic), Err(Forbidden::PlainToPublic)),
            ("http://169.254.169.254/", Err(Forbidden::Address), Err(Forbidden::Address)),
            ("https://1.2.3.4/", Ok(()), Ok(())),
            ("https://10.0.0.1/", Ok(()), Ok(())),
        ] {
            assert_eq!(check(AddressPolicy::AllowPrivate, url), private, "{url}");
            assert_eq!(check(AddressPolicy::PlainOnLoopback, url), loopback, "{url}");
        }
    }

    #[tokio::test]
    async fn a_name_is_called_without_encryption_only_if_it_resolves_to_such_an_address() {
        let resolve = async |policy, scheme, name: &str| {
            let resolver = GuardedResolver { policy, scheme };
            resolver.resolve(name.parse().unwrap()).await.map(|all| all.count() > 0)
        };
        assert!(resolve(AddressPolicy::AllowPrivate, Scheme::Http, "localhost").await.unwrap());
        assert!(resolve(AddressPolicy::PlainOnLoopback, Scheme::Http, "localhost").await.unwrap());
        let refused = resolve(AddressPolicy::AllowPrivate, Scheme::Http, "1.2.3.4").await.unwrap_err();
        assert_eq!(refused.downcast_ref(), Some(&Forbidden::PlainToPublic));
        let refused = resolve(AddressPolicy::PlainOnLoopback, Scheme::Http, "10.0.0.1").await.unwrap_err();
        assert_eq!(refused.downcast_ref(), Some(&Forbidden::PlainBeyondLoopback));
        assert!(resolve(AddressPolicy::AllowPrivate, Scheme::Https, "1.2.3.4").await.unwrap());
    }
}
