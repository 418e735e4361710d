//! The open connections: their limit, and which one is closed for a new one.
//!
//! A connection that waits for its client can be closed: between requests, within a head, or with an unread response. A
//! connection whose request is being handled cannot. The peer with the most connections loses one first: the one that has
//! waited longest. So a client that opens thousands of idle connections loses its own.

use std::{
    cmp::Reverse,
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use terra_auth_types::log_limit::LogLimit;
use tokio::{
    sync::{Notify, OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use crate::limits::{Peer, ServerLimits};

/// The phase of a connection: what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    /// The rest of a handshake or of a request's head.
    Head,
    /// The handler, including the body that it reads.
    Answering,
    /// The handler has returned; the response may not be written yet.
    Answered,
    /// The next request.
    Idle,
    /// The client, which does not read the answer.
    Unread,
}

/// How long the accept loop waits for a free slot before it tries to close another connection.
const RETRY_EVERY: Duration = Duration::from_millis(100);
static CROWDED: LogLimit = LogLimit::every(Duration::from_mins(1));
static SHARE_USED: LogLimit = LogLimit::every(Duration::from_mins(1));

/// All open connections of one listener.
#[derive(Clone)]
pub(crate) struct Connections(Arc<Inner>);

struct Inner {
    limits: ServerLimits,
    places: Arc<Semaphore>,
    began: Instant,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    connections: HashMap<u64, Arc<Connection>>,
    peers: HashMap<IpAddr, Arc<AtomicUsize>>,
}

/// One open connection, as its stream, its service and the accept loop see it.
pub(crate) struct Connection {
    phase: AtomicU8,
    /// Milliseconds from the start of the listener to the latest change of phase.
    since: AtomicU64,
    began: Instant,
    peer: IpAddr,
    of_peer: Arc<AtomicUsize>,
    closing: Notify,
}

impl Connection {
    pub(crate) fn set(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.since.store(millis_since(self.began), Ordering::Relaxed);
    }

    pub(crate) fn is(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Relaxed) == phase as u8
    }

    /// Resolves when this connection must close.
    pub(crate) async fn closing(&self) {
        self.closing.notified().await;
    }

    fn can_be_closed(&self) -> bool {
        !self.is(Phase::Answering)
    }
}

/// A slot of an open connection. Dropping it frees the slot.
pub(crate) struct ConnectionSlot {
    id: u64,
    connection: Arc<Connection>,
    connections: Connections,
    _permit: OwnedSemaphorePermit,
}

impl ConnectionSlot {
    pub(crate) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.connection)
    }

    /// Whether more than half of all slots are in use.
    pub(crate) fn is_crowded(&self) -> bool {
        self.connections.0.places.available_permits() < self.connections.0.limits.connections / 2
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let mut open = self.connections.lock();
        open.connections.remove(&self.id);
        if self.connection.of_peer.fetch_sub(1, Ordering::Relaxed) == 1 {
            open.peers.remove(&self.connection.peer);
        }
    }
}

impl Connections {
    pub(crate) fn new(limits: ServerLimits) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections));
        Self(Arc::new(Inner { limits, places, began: Instant::now(), open: Mutex::default() }))
    }

    /// A slot for a connection of `peer`; `None` if the peer has reached its limit and all its requests are being handled.
    pub(crate) async fn admit(&self, peer: Peer) -> Option<ConnectionSlot> {
        let peer = network(peer.0);
        if self.share_is_used(peer) && !self.close_one(|connection| connection.peer == peer) {
            if let Some(left_out) = SHARE_USED.admit(std::time::Instant::now()) {
                tracing::warn!(%peer, left_out, "rejected a connection: its peer has reached the limit per peer");
            }
            return None;
        }
        let permit = self.permit().await?;
        Some(self.open(peer, permit))
    }

    /// Closes a connection, if possible. For a process that has no descriptor left.
    pub(crate) fn make_room(&self) -> bool {
        self.close_one(|_| true)
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        let places = &self.0.places;
        if let Ok(permit) = Arc::clone(places).try_acquire_owned() {
            return Some(permit);
        }
        if let Some(left_out) = CROWDED.admit(std::time::Instant::now()) {
            let connections = self.0.limits.connections;
            tracing::warn!(
                connections,
                left_out,
                "all connections are in use; closing connections that wait for their client"
            );
        }
        loop {
            self.make_room();
            if let Ok(permit) = timeout(RETRY_EVERY, Arc::clone(places).acquire_owned()).await {
                return permit.ok();
            }
        }
    }

    fn open(&self, peer: IpAddr, permit: OwnedSemaphorePermit) -> ConnectionSlot {
        let mut open = self.lock();
        let of_peer = Arc::clone(open.peers.entry(peer).or_default());
        of_peer.fetch_add(1, Ordering::Relaxed);
        let connection = Arc::new(Connection {
            phase: AtomicU8::new(Phase::Head as u8),
            since: AtomicU64::new(millis_since(self.0.began)),
            began: self.0.began,
            peer,
            of_peer,
            closing: Notify::new(),
        });
        let id = open.next_id;
        open.next_id += 1;
        open.connections.insert(id, Arc::clone(&connection));
        drop(open);
        ConnectionSlot { id, connection, connections: self.clone(), _permit: permit }
    }

    /// Loopback has no limit, because a proxy on this machine forwards the connections of all clients.
    fn share_is_used(&self, peer: IpAddr) -> bool {
        let used = || self.lock().peers.get(&peer).map_or(0, |count| count.load(Ordering::Relaxed));
        self.0.limits.connections_per_peer.is_some_and(|share| !peer.is_loopback() && used() >= share)
    }

    fn close_one(&self, may_be: impl Fn(&Connection) -> bool) -> bool {
        let mut open = self.lock();
        let candidates =
            open.connections.iter().filter(|(_, connection)| connection.can_be_closed() && may_be(connection));
        let chosen = candidates.max_by_key(|(id, connection)| {
            let since = connection.since.load(Ordering::Relaxed);
            (connection.of_peer.load(Ordering::Relaxed), Reverse(since), Reverse(**id))
        });
        let Some(id) = chosen.map(|(id, _)| *id) else { return false };
        if let Some(connection) = open.connections.remove(&id) {
            connection.closing.notify_one();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A peer: an IPv4 address, or the /64 network of an IPv6 address.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) if !v6.is_loopback() => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

fn millis_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{Connections, Phase, network};
    use crate::limits::{Peer, ServerLimits};

    #[tokio::test]
    async fn a_peer_over_its_share_closes_its_own_connections_and_no_others() {
        let limits = ServerLimits { connections: 8, connections_per_peer: Some(2), ..ServerLimits::default() };
        let connections = Connections::new(limits);
        let admit = |address: &str| connections.admit(Peer(address.parse().unwrap()));
        let other = admit("198.51.100.1").await.unwrap();
        let [first, second] = [admit("192.0.2.7").await.unwrap(), admit("192.0.2.7").await.unwrap()];

        let third = admit("192.0.2.7").await.unwrap();
        first.connection().closing().await;
        drop(first);
        second.connection().set(Phase::Answering);
        third.connection().set(Phase::Answering);
        assert!(admit("192.0.2.7").await.is_none(), "both are being served");
        assert!(admit("198.51.100.2").await.is_some());
        drop((other, second));
        assert!(admit("192.0.2.7").await.is_some());
    }

    #[tokio::test]
    async fn loopback_has_no_share() {
        let limits = ServerLimits { connections: 8, connections_per_peer: Some(1), ..ServerLimits::default() };
        let connections = Connections::new(limits);
        let admit = || connections.admit(Peer("127.0.0.1".parse().unwrap()));
        let places = [admit().await, admit().await, admit().await];
        assert!(places.iter().all(|place| place.as_ref().is_some_and(|place| place.connection().is(Phase::Head))));
    }

    #[test]
    fn one_subscriber_has_one_share() {
        for (address, subscriber) in [
            ("192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::1", "2001:db8:1:2::"),
            ("::1", "::1"),
        ] {
            assert_eq!(network(address.parse().unwrap()).to_string(), subscriber, "{address}");
        }
    }
}
