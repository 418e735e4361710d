//! The limits of a server, and the peer of a request.

use std::{net::IpAddr, time::Duration};

/// The peer address of a request's connection, an extension of the request. Headers of proxies are not trusted.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub IpAddr);

/// The limits of the accept loop.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// The time limit of a TLS handshake, and of a request's head. A connection without a first request is closed after
    /// this time too.
    pub header_timeout: Duration,
    /// How long a connection remains open after a response. It is longer than the usual 60 s of proxies, so that the proxy
    /// closes first. While more than half of the `connections` are open, `header_timeout` applies instead.
    pub idle_timeout: Duration,
    /// The time within which a client must read 8 KiB of a response, or the rest of it.
    pub write_timeout: Duration,
    /// The maximum number of open connections, including handshakes. Another one closes the connection that has waited
    /// longest for its client.
    pub connections: usize,
    /// The maximum number per address (per /64 network for IPv6); `None` has no limit. Loopback has no limit.
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

/// The maximum memory for a head, and for an unread response.
pub(crate) const MAX_BUFFER_BYTES: usize = 32 << 10;
