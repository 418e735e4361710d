//! The bounds of a server, and the peer that a request came from.

use std::{net::IpAddr, time::Duration};

/// The address at the other end of a request's connection, an extension of the request. The statement of a proxy about the one
/// behind it is not trusted.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// Bounds of the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// How long a client may take for a TLS handshake, then to send a request's head. A connection that has not sent a
    /// request yet is closed after this too.
    pub header_timeout: Duration,
    /// How long a connection stays open after an answer. Longer than proxies usually reuse one (60 s), so that the proxy
    /// closes first. While more than half of the `connections` are open, it is `header_timeout` instead.
    pub idle_timeout: Duration,
    /// A client has to read 8 KiB of an answer within this time, or all that is left of it.
    pub write_timeout: Duration,
    /// How many connections are open at once, handshakes included. One more closes the connection that has waited longest
    /// for its client; see also `connections_per_peer`.
    pub connections: usize,
    /// How many of them one address may have (a /64 network for IPv6); `None` has no limit. Loopback has none either.
    pub connections_per_peer: Option<usize>,
    /// How long requests may continue after the shutdown began.
    pub drain: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(30),
            connections: 20_000,
            connections_per_peer: None,
            drain: Duration::from_secs(10),
        }
    }
}

/// The most that is kept in memory of a head, and of an answer that is not read yet.
pub(crate) const MAX_BUFFER_BYTES: usize = 32 << 10;
