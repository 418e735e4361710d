//! The servers of a URL: which one to connect to, and which connections are usable.

use std::{
    io,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::{Duration, Instant},
};

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::ClientWrapper;
use terra_auth_model::causes::Causes;
use tokio::{
    net::lookup_host,
    sync::{Semaphore, watch},
    time::timeout,
};
use tokio_postgres::{
    Config, NoTls, Socket,
    config::Host,
    tls::{MakeTlsConnect, TlsConnect},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{PostgresError, address::Address, failure};

/// The settings of a session: time limits for each statement, and for each pause in a transaction.
pub(super) const SETTINGS: &str = "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '5s'";

/// The settings of one transaction. Behind a pooler, the next one may run in another session.
pub(super) const LOCAL_SETTINGS: &str =
    "; SET LOCAL statement_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// How long a server may be silent during a job before it is probed.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// The time limit of the probe.
const PROBE_TIMEOUT: Duration = Duration::from_millis(2500);

/// Creates the pool's connections.
pub(crate) struct Servers {
    hosts: Vec<Config>,
    host_timeout: Duration,
    tls: Option<MakeRustlsConnect>,
    /// The duration of the last failed attempt at each server, in milliseconds; 0 after a success.
    failed_after: Vec<AtomicU64>,
    /// Whether connections have their own prepared statements and settings.
    sessions: AtomicBool,
    lost: watch::Sender<Generations>,
    probes: Semaphore,
}

/// The generations of connections. A generation ends when one of its connections finds that its server is lost.
#[derive(Clone, Copy, Default)]
struct Generations {
    /// The generation of the next connection. Older connections are not reused.
    generation: u64,
    /// Connections of older generations are closed, even in use.
    cut_before: u64,
}

/// One connection.
pub(crate) struct Session {
    client: ClientWrapper,
    pub(super) origin: Origin,
}

/// The server and generation of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    host: usize,
    generation: u64,
}

/// Why no connection was established.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The server did not accept, or did not respond, in time.
    #[error("the server did not respond within {} ms", .0.as_millis())]
    Mute(Duration),
    #[error("could not resolve the server's name")]
    Name(#[source] io::Error),
    #[error(transparent)]
    Server(#[from] tokio_postgres::Error),
}

impl Servers {
    pub(super) fn new(address: &Address) -> Result<Self, PostgresError> {
        let tls = if address.tls {
            let (tls, _unreadable) = MakeRustlsConnect::with_native_certs().map_err(|_| PostgresError::Certificates)?;
            Some(tls)
        } else {
            None
        };
        Ok(Self {
            hosts: address.hosts.clone(),
            host_timeout: address.host_timeout,
            tls,
            failed_after: address.hosts.iter().map(|_| AtomicU64::new(0)).collect(),
            sessions: AtomicBool::new(address.statement_cache.unwrap_or(true)),
            lost: watch::Sender::default(),
            probes: Semaphore::new(1),
        })
    }

    /// The time limit to connect if every server is slow.
    pub(super) fn connect_timeout(&self) -> Duration {
        let hosts = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        self.host_timeout.saturating_mul(hosts).min(Duration::from_secs(30)) + Duration::from_millis(500)
    }

    /// Whether connections have their own prepared statements and settings, which they do not behind a transaction pooler.
    pub(super) fn have_sessions(&self) -> bool {
        self.sessions.load(Ordering::Relaxed)
    }

    /// Assumes a transaction pooler from now on.
    pub(super) fn found_pooler(&self) {
        if self.sessions.swap(false, Ordering::Relaxed) {
            tracing::info!("PostgreSQL is behind a transaction pooler; statements are not prepared ahead");
        }
    }

    /// Detects a transaction pooler: two connections share one server process.
    pub(super) async fn detect_pooler(&self) -> Result<(), ConnectError> {
        let (a, b) = (self.connect().await?, self.connect().await?);
        let shared = timeout(self.host_timeout, share_a_backend(&a, &b));
        // A second connection that waits indicates a session pooler with one connection.
        if shared.await.unwrap_or(Ok(false))? {
            self.found_pooler();
        }
        Ok(())
    }

    /// Connects to the first server that works. The order starts with those that did not fail last time, then the fastest failures.
    async fn connect(&self) -> Result<Session, ConnectError> {
        let generation = self.lost.borrow().generation;
        let mut order: Vec<usize> = (0..self.hosts.len()).collect();
        order.sort_by_key(|host| self.failed_after[*host].load(Ordering::Relaxed));
        let mut error = ConnectError::Mute(Duration::ZERO);
        for host in order {
            let start = Instant::now();
            match self.connect_to(host, self.host_timeout).await {
                Ok(client) => {
                    self.failed_after[host].store(0, Ordering::Relaxed);
                    return Ok(Session { client, origin: Origin { host, generation } });
                }
                Err(failed) => {
                    let after = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
                    self.failed_after[host].store(after, Ordering::Relaxed);
                    tracing::debug!(host, error = %Causes(&failed), "could not connect to a PostgreSQL server");
                    error = failed;
                }
            }
        }
        Err(error)
    }

    /// Connects to one server and logs in, within `bound`.
    async fn connect_to(&self, host: usize, bound: Duration) -> Result<ClientWrapper, ConnectError> {
        let config = &self.hosts[host];
        let connected = async {
            match &self.tls {
                None => reach(config, NoTls, bound).await,
                Some(tls) => reach(config, tls.clone(), bound).await,
            }
        };
        timeout(bound, Box::pin(connected)).await.unwrap_or(Err(ConnectError::Mute(bound)))
    }

    /// Removes the connections of `origin`'s generation from the pool.
    pub(super) fn discard(&self, origin: Origin) {
        self.lost.send_if_modified(|lost| {
            let first = lost.generation == origin.generation;
            lost.generation += u64::from(first);
            first
        });
    }

    /// Returns when the server of `origin` is lost while a job waits for it.
    pub(super) async fn gone(&self, origin: Origin) {
        let mut lost = self.lost.subscribe();
        loop {
            let cut = lost.wait_for(|lost| lost.cut_before > origin.generation);
            if timeout(KEEPALIVE_TIMEOUT, cut).await.is_ok() {
                return;
            }
            // One job probes for all; the others check again after the next silence.
            if let Ok(_one) = self.probes.try_acquire()
                && !self.lives(origin.host).await
            {
                self.cut(origin);
            }
        }
    }

    async fn lives(&self, host: usize) -> bool {
        match self.connect_to(host, PROBE_TIMEOUT).await {
            Ok(_) => true,
            // A server that rejects the probe, such as for too many connections, is alive.
            Err(ConnectError::Server(error)) => !failure::is_lost(&error) && error.as_db_error().is_some(),
            Err(ConnectError::Mute(_) | ConnectError::Name(_)) => false,
        }
    }

    fn cut(&self, origin: Origin) {
        let probed = u64::try_from(PROBE_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
        self.failed_after[origin.host].fetch_max(probed, Ordering::Relaxed);
        let cut = self.lost.send_if_modified(|lost| {
            let first = lost.cut_before <= origin.generation;
            lost.cut_before = lost.cut_before.max(origin.generation + 1);
            lost.generation = lost.generation.max(lost.cut_before);
            first
        });
        if cut {
            tracing::warn!(host = origin.host, "a PostgreSQL server does not respond; closing its connections");
        }
    }
}

impl Manager for Servers {
    type Type = Session;
    type Error = ConnectError;

    async fn create(&self) -> Result<Session, ConnectError> {
        let session = self.connect().await?;
        if self.have_sessions() {
            let set = timeout(self.host_timeout, session.batch_execute(SETTINGS));
            set.await.map_err(|_| ConnectError::Mute(self.host_timeout))??;
        }
        Ok(session)
    }

    // Sends nothing to the server, so it cannot hang.
    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<ConnectError> {
        if session.is_closed() || session.origin.generation < self.lost.borrow().generation {
            return Err(RecycleError::message("the server is lost"));
        }
        Ok(())
    }
}

impl Deref for Session {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        &self.client
    }
}

impl DerefMut for Session {
    fn deref_mut(&mut self) -> &mut ClientWrapper {
        &mut self.client
    }
}

/// Tries every address of the server's name.
async fn reach<T>(config: &Config, tls: T, bound: Duration) -> Result<ClientWrapper, ConnectError>
where
    T: MakeTlsConnect<Socket> + Clone + Send + 'static,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let addresses = match (config.get_hosts(), config.get_hostaddrs()) {
        ([Host::Tcp(name)], []) => {
            let found = lookup_host((name.as_str(), config.get_ports()[0])).await.map_err(ConnectError::Name)?;
            found.map(|address| config.clone().hostaddr(address.ip()).clone()).collect()
        }
        _ => vec![config.clone()],
    };
    let mut outcome = Err(ConnectError::Mute(bound));
    let share = bound / u32::try_from(addresses.len()).unwrap_or(1).max(1);
    for address in addresses {
        outcome = match timeout(share, log_in(&address, tls.clone())).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(ConnectError::Mute(share)),
        };
    }
    outcome
}

async fn log_in<T>(config: &Config, tls: T) -> Result<ClientWrapper, tokio_postgres::Error>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, connection) = config.connect(tls).await?;
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = %Causes(&error), "a connection to PostgreSQL ended");
        }
    });
    Ok(ClientWrapper::new(client, task))
}

/// Whether two connections use the same server process, or one connection uses several.
async fn share_a_backend(a: &Session, b: &Session) -> Result<bool, tokio_postgres::Error> {
    let (first_of_a, first_of_b) = (backend(a).await?, backend(b).await?);
    for _ in 0..3 {
        if backend(a).await? != first_of_a || backend(b).await? != first_of_b {
            return Ok(true);
        }
    }
    Ok(first_of_a == first_of_b)
}

/// The current server process of a connection. The query is not prepared.
async fn backend(session: &Session) -> Result<String, tokio_postgres::Error> {
    let row = session.query_typed_one("SELECT pg_backend_pid()::text", &[]).await?;
    row.try_get(0)
}
