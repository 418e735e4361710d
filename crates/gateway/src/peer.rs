//! The peer of a connection, which fair limits count.

use std::net::{IpAddr, SocketAddr};

use axum::{extract::ConnectInfo, http::request};
use terra_auth_http::{Peer, network};

/// The peer address, set by our accept loop, or by axum's in an app that embeds the gateway.
pub(crate) fn peer(request: &request::Parts) -> Option<IpAddr> {
    let ours = request.extensions.get::<Peer>().map(|peer| peer.0);
    ours.or_else(|| request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical()))
}

/// The peer that has its own share. A private address has none, because it may be a proxy of all users.
pub(crate) fn subscriber(peer: Option<IpAddr>) -> Option<IpAddr> {
    let is_private = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    };
    peer.filter(|peer| !is_private(peer)).map(network)
}
