//! The servers of an address: which one is connected to, and which connections are still good.

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

/// Bounds each statement, and each pause in a transaction.
pub(super) const SETTINGS: &str = "SET statement_timeout = '30s'; SET idle_in_transaction_session_timeout = '5s'";

/// The same for one transaction: behind a pooler the next one runs elsewhere.
pub(super) const LOCAL_SETTINGS: &str =
    "; SET LOCAL statement_timeout = '30s'; SET LOCAL idle_in_transaction_session_timeout = '5s'";

/// How long a server may be silent in a job before it is asked whether it lives.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// How long it may take to answer that.
const PROBE_TIMEOUT: Duration = Duration::from_millis(2500);

/// Makes the pool's connections.
pub(crate) struct Servers {
    hosts: Vec<Config>,
    host_timeout: Duration,
    tls: Option<MakeRustlsConnect>,
    /// Milliseconds that the last attempt at each server took to fail; 0 after a success.
    failed_after: Vec<AtomicU64>,
    /// Whether connections keep prepared statements and settings of their own.
    sessions: AtomicBool,
    lost: watch::Sender<Generations>,
    probes: Semaphore,
}

/// Connections are numbered by generations; a generation ends when one of its connections finds its server gone.
#[derive(Clone, Copy, Default)]
struct Generations {
    /// The generation of the next connection; older ones are not handed out again.
    generation: u64,
    /// Connections of older generations are cut, whatever they are doing.
    cut_before: u64,
}

/// One connection.
pub(crate) struct Session {
    client: ClientWrapper,
    pub(super) origin: Origin,
}

/// Where a connection leads, and since when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    host: usize,
    generation: u64,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The server accepted nothing, or said nothing, in time.
    #[error("the server did not answer within {} ms", .0.as_millis())]
    Mute(Duration),
    #[error("could not find the server's address")]
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

    /// How long connecting may take when every server is slow.
    pub(super) fn connect_timeout(&self) -> Duration {
        let hosts = u32::try_from(self.hosts.len()).unwrap_or(u32::MAX);
        self.host_timeout.saturating_mul(hosts).min(Duration::from_secs(30)) + Duration::from_millis(500)
    }

    /// Whether connections keep prepared statements and settings of their own: not behind a transaction pooler.
    pub(super) fn have_sessions(&self) -> bool {
        self.sessions.load(Ordering::Relaxed)
    }

    /// From now on no connection is taken to keep anything from one transaction to the next.
    pub(super) fn found_pooler(&self) {
        if self.sessions.swap(false, Ordering::Relaxed) {
            tracing::info!("PostgreSQL is behind a transaction pooler; statements are not prepared ahead");
        }
    }

    /// Finds out whether two connections share one server process, as behind a transaction pooler.
    pub(super) async fn detect_pooler(&self) -> Result<(), ConnectError> {
        let (a, b) = (self.connect().await?, self.connect().await?);
        let shared = timeout(self.host_timeout, share_a_backend(&a, &b));
        // Behind a session pooler without a second connection the second one waits: that is no transaction pooler.
        if shared.await.unwrap_or(Ok(false))? {
            self.found_pooler();
        }
        Ok(())
    }

    /// Connects to the first server that works: those first that did not fail last time, then those that fail fast.
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

    /// Connects to one server and logs in, all within `bound`.
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

    /// Has the pool forget the connections of `origin`'s generation.
    pub(super) fn discard(&self, origin: Origin) {
        self.lost.send_if_modified(|lost| {
            let first = lost.generation == origin.generation;
            lost.generation += u64::from(first);
            first
        });
    }

    /// Returns when the server behind `origin` is gone while a job waits for it.
    pub(super) async fn gone(&self, origin: Origin) {
        let mut lost = self.lost.subscribe();
        loop {
            let cut = lost.wait_for(|lost| lost.cut_before > origin.generation);
            if timeout(KEEPALIVE_TIMEOUT, cut).await.is_ok() {
                return;
            }
            // One asks for all; the others look again after the next silence.
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
            // A server that refuses for a reason of its own (too many connections) is alive.
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
            tracing::warn!(host = origin.host, "a PostgreSQL server does not answer; its connections are closed");
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

    // Asks the server nothing, so it cannot hang on a mute one.
    async fn recycle(&self, session: &mut Session, _: &Metrics) -> RecycleResult<ConnectError> {
        if session.is_closed() || session.origin.generation < self.lost.borrow().generation {
            return Err(RecycleError::message("its server is gone"));
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

/// Tries every address that the server's name has.
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

/// Whether two connections meet the same server process, or one of them more than one.
async fn share_a_backend(a: &Session, b: &Session) -> Result<bool, tokio_postgres::Error> {
    let (first_of_a, first_of_b) = (backend(a).await?, backend(b).await?);
    for _ in 0..3 {
        if backend(a).await? != first_of_a || backend(b).await? != first_of_b {
            return Ok(true);
        }
    }
    Ok(first_of_a == first_of_b)
}

/// The server process that serves a connection now. Nothing is prepared for the question.
async fn backend(session: &Session) -> Result<String, tokio_postgres::Error> {
    let row = session.query_typed_one("SELECT pg_backend_pid()::text", &[]).await?;
    row.try_get(0)
}
