//! The peer of a connection, as the unit of fair shares.

use std::net::{IpAddr, SocketAddr};

use axum::{extract::ConnectInfo, http::request};
use terra_auth_http::{Peer, network};

/// The other end of the connection, as our accept loop tells it, or axum's in an app that embeds the gateway.
pub(crate) fn peer(request: &request::Parts) -> Option<IpAddr> {
    let ours = request.extensions.get::<Peer>().map(|peer| peer.0);
    ours.or_else(|| request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical()))
}

/// The subscriber who has a share of his own. A private address has none: behind it may be a proxy that brings everybody.
pub(crate) fn subscriber(peer: Option<IpAddr>) -> Option<IpAddr> {
    let is_private = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    };
    peer.filter(|peer| !is_private(peer)).map(network)
}
