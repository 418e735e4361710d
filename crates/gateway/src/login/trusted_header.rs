//! A header that a trusted proxy sets.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use terra_auth_types::{ReferenceId, log_limit::LogLimit};

use super::{EndUser, Login, LoginError, RequestCredentials, anonymous::is_anonymous_name};
use crate::{settings::TrustedHeaderSettings, setup::SetupError};

const NO_USER_ID: LoginError = LoginError::Refused("the proxy's header contains no user id");
/// The shortest accepted prefix of the proxy's network, in bits.
const MIN_IPV4_PREFIX: u8 = 8;
const MIN_IPV6_PREFIX: u8 = 16;
/// `::ffff:0:0/96`: IPv4-mapped IPv6 addresses.
const MAPPED_PREFIX: u8 = 96;

/// Headers that browsers, clients and proxies send by default. None of them can identify the end user.
const STANDARD: [HeaderName; 16] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::FORWARDED,
    header::HOST,
    header::ORIGIN,
    header::PROXY_AUTHORIZATION,
    header::REFERER,
    header::TRANSFER_ENCODING,
    header::USER_AGENT,
    header::VIA,
];

fn header_name(text: &str) -> Result<HeaderName, SetupError> {
    let invalid = |problem: String| SetupError::invalid("login.trusted_header.name", problem);
    let name: HeaderName = text.parse().map_err(|_| invalid(format!("{text:?} is not a header name")))?;
    let is_standard =
        STANDARD.contains(&name) || ["sec-", "x-forwarded-"].iter().any(|prefix| name.as_str().starts_with(prefix));
    if is_standard {
        let problem = format!("{text:?} has another meaning; let the proxy use a header such as x-user-id");
        return Err(invalid(problem));
    }
    Ok(name)
}

fn is_too_wide(net: &IpNet) -> bool {
    match net {
        IpNet::V4(net) => net.prefix_len() < MIN_IPV4_PREFIX,
        IpNet::V6(net) => {
            let all_mapped = Ipv4Addr::UNSPECIFIED.to_ipv6_mapped();
            let is_mapped = net.addr().to_ipv4_mapped().is_some() && net.prefix_len() >= MAPPED_PREFIX;
            net.prefix_len() < MIN_IPV6_PREFIX
                || (net.prefix_len() <= MAPPED_PREFIX && net.contains(&all_mapped))
                || (is_mapped && net.prefix_len() < MAPPED_PREFIX + MIN_IPV4_PREFIX)
        }
    }
}

/// Trusts a header from the configured proxy. From any other peer, it ignores the header.
pub(crate) struct TrustedHeader {
    name: HeaderName,
    peers: Vec<IpNet>,
    /// The SHA-256 of the secret that the proxy must send, for a comparison in constant time.
    secret: Option<[u8; 32]>,
}

/// The header with the secret of the proxy.
const SECRET_HEADER: &str = "x-proxy-secret";
/// The minimum length of the secret.
const MIN_SECRET_BYTES: usize = 16;

impl TrustedHeader {
    pub(crate) fn new(settings: &TrustedHeaderSettings, secret: Option<&SecretString>) -> Result<Self, SetupError> {
        let name = header_name(&settings.name)?;
        let peers = settings.peers.clone();
        if peers.is_empty() {
            return Err(SetupError::invalid(
                "login.trusted_header.peers",
                "set the address of the proxy, such as \"10.0.0.7/32\"",
            ));
        }
        if let Some(wide) = peers.iter().find(|net| is_too_wide(net)) {
            let problem =
                format!("{wide} is too wide: any machine in it could log in as any user; set the address of the proxy");
            return Err(SetupError::invalid("login.trusted_header.peers", problem));
        }
        let secret = secret.map(|secret| secret.expose_secret().trim());
        if secret.is_some_and(|secret| secret.len() < MIN_SECRET_BYTES) {
            let problem = format!("the proxy's secret has fewer than {MIN_SECRET_BYTES} characters");
            return Err(SetupError::invalid("login.trusted_header", problem));
        }
        Ok(Self { name, peers, secret: secret.map(|secret| Sha256::digest(secret).into()) })
    }

    /// Whether the request has the secret, if one is required.
    fn knows_secret(&self, headers: &HeaderMap) -> bool {
        let Some(expected) = self.secret else { return true };
        let shown: Option<[u8; 32]> = headers.get(SECRET_HEADER).map(|value| Sha256::digest(value.as_bytes()).into());
        shown == Some(expected)
    }

    /// Whether the peer is a configured proxy. Also compares an IPv4-mapped address, which a dual-stack socket reports, as IPv4.
    fn trusts(&self, peer: IpAddr) -> bool {
        let forms = [peer, peer.to_canonical()];
        self.peers.iter().any(|net| forms.iter().any(|form| net.contains(form)))
    }
}

#[async_trait]
impl Login for TrustedHeader {
    async fn caller(&self, request: &RequestCredentials<'_>) -> Result<Option<EndUser>, LoginError> {
        if !request.peer.is_some_and(|peer| self.trusts(peer)) {
            return Ok(None);
        }
        let mut values = request.headers.get_all(&self.name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if !self.knows_secret(request.headers) {
            static LIMIT: LogLimit = LogLimit::every(Duration::from_secs(10));
            if let Some(left_out) = LIMIT.admit(Instant::now()) {
                tracing::warn!(
                    left_out,
                    "ignored the proxy's header, because its secret in {SECRET_HEADER} is missing or wrong"
                );
            }
            return Ok(None);
        }
        if values.next().is_some() {
            return Err(LoginError::Refused("the proxy's header occurs more than once"));
        }
        let text = str::from_utf8(value.as_bytes()).map_err(|_| NO_USER_ID)?;
        if is_anonymous_name(text) {
            return Ok(None); // the proxy reports no user; another login method may find one
        }
        let reference_id: ReferenceId = text.parse().map_err(|_| NO_USER_ID)?;
        // The proxy most likely identifies its users by a cookie.
        Ok(Some(EndUser { reference_id, sent_by_browser: true }))
    }
}

#[cfg(test)]
mod tests;
