//! A header that a trusted proxy sets.

use std::net::IpAddr;

use async_trait::async_trait;
use http::HeaderName;
use ipnet::IpNet;
use terra_auth_types::ReferenceId;

use super::{Identity, Login, LoginError, Presented};
use crate::{settings::TrustedHeaderSettings, setup::SetupError};

/// Believes a header, if the right machine sends it. From anywhere else it is as if it were not there.
pub(crate) struct TrustedHeader {
    name: HeaderName,
    peers: Vec<IpNet>,
}

impl TrustedHeader {
    pub(crate) fn new(settings: &TrustedHeaderSettings) -> Result<Self, SetupError> {
        let name = settings.name.parse().map_err(|_| {
            SetupError::invalid("login.trusted_header.name", format!("{:?} is no name of a header", settings.name))
        })?;
        let peers = settings.peers.clone();
        if peers.is_empty() {
            return Err(SetupError::invalid("login.trusted_header.peers", "name the proxy, as \"10.0.0.7/32\""));
        }
        if let Some(everybody) = peers.iter().find(|net| net.prefix_len() == 0) {
            let problem = format!("{everybody} is everybody, who could then be anybody; name the proxy");
            return Err(SetupError::invalid("login.trusted_header.peers", problem));
        }
        Ok(Self { name, peers })
    }

    /// A socket that takes both kinds of addresses shows an IPv4 peer as `::ffff:10.0.0.7`.
    fn trusts(&self, peer: IpAddr) -> bool {
        let forms = [peer, peer.to_canonical()];
        self.peers.iter().any(|net| forms.iter().any(|form| net.contains(form)))
    }
}

#[async_trait]
impl Login for TrustedHeader {
    async fn caller(&self, request: &Presented<'_>) -> Result<Option<Identity>, LoginError> {
        if !request.peer.is_some_and(|peer| self.trusts(peer)) {
            return Ok(None);
        }
        let mut values = request.headers.get_all(&self.name).iter();
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(LoginError::Refused("the proxy's header came more than once"));
        }
        let reference_id: Option<ReferenceId> = str::from_utf8(value.as_bytes()).ok().and_then(|id| id.parse().ok());
        let reference_id = reference_id.ok_or(LoginError::Refused("the proxy's header holds no user id"))?;
        // The proxy knows its users by a cookie, most likely.
        Ok(Some(Identity { reference_id, ambient: true }))
    }
}

#[cfg(test)]
mod tests;
