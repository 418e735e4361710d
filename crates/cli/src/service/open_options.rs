//! Opens the store of a server or a gateway: how long to wait for it, and which damage to accept in a file.

use std::{num::NonZeroUsize, str::FromStr, time::Duration};

use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth_http::ServerLimits;
use terra_auth_model::store::Store;
use terra_auth_store::{Accepted, OpenError, SqliteError, open_accepting, open_shared_accepting};
use tokio::time::{Instant, sleep};

use crate::{
    credentials::variable,
    failure::{CommandError, FailureKind},
    terminal::ui::Ui,
};

const WAIT_FOR_STORE: &str = "TERRA_AUTH_WAIT_FOR_STORE";

/// Long enough for a database that starts at the same time, for example under compose.
const DEFAULT_STORE_TIMEOUT: Duration = Duration::from_secs(15);

const RETRY_INTERVAL: Duration = Duration::from_millis(500);

const REPORT_INTERVAL: Duration = Duration::from_secs(10);

const HEADING: &str = "Store options";

/// Options of every command that serves requests.
#[derive(Clone, Default, PartialEq, clap::Args)]
pub(crate) struct OpenOptions {
    /// How long to wait for a PostgreSQL server that does not answer or is starting [default:
    /// `$TERRA_AUTH_WAIT_FOR_STORE`, else 15s]
    ///
    /// A duration such as 60s or 2m; 0s fails at once. A wrong password or an unknown database
    /// always fails at once.
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = HEADING)]
    wait_for_store: Option<Duration>,
    /// Create an empty store even if a previous one is missing
    #[arg(long, help_heading = HEADING)]
    pub(crate) new_store: bool,
    /// Use a SQLite store that lost acknowledged changes because its write-ahead log was truncated or changed
    #[arg(long, help_heading = HEADING)]
    accept_lost_changes: bool,
    /// Accept all admin tokens, keys, environments and provider apps that were changed by hand in
    /// the database
    ///
    /// Without this flag, a server ignores such rows and reports them. Review every row before you
    /// use this flag. The audit log records its use.
    #[arg(long, help_heading = HEADING)]
    pub(crate) accept_changed_rows: bool,
}

const IDLE_TIMEOUT: &str = "TERRA_AUTH_IDLE_TIMEOUT";

const CONNECTIONS_HEADING: &str = "Connection options";

const CONNECTIONS: &str = "TERRA_AUTH_CONNECTIONS";

const ACCESS_LOG: &str = "TERRA_AUTH_ACCESS_LOG";

const CONNECTIONS_PER_PEER: &str = "TERRA_AUTH_CONNECTIONS_PER_PEER";

/// Limits on the number of connections and on how long an idle connection stays open.
#[derive(Clone, Default, PartialEq, clap::Args)]
pub(crate) struct ConnectionOptions {
    /// Close a connection after this idle time; must exceed the idle timeout of a proxy in front
    /// [default: `$TERRA_AUTH_IDLE_TIMEOUT`, else 75s]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = CONNECTIONS_HEADING)]
    idle_timeout: Option<Duration>,
    /// Maximum number of open connections [default: `$TERRA_AUTH_CONNECTIONS`, else what memory and
    /// open files allow, up to 20000]
    ///
    /// At the maximum, a new connection closes the one that has waited longest for its client. At
    /// start, the soft limit of open files is raised to the hard limit.
    #[arg(long, value_name = "COUNT", help_heading = CONNECTIONS_HEADING)]
    connections: Option<NonZeroUsize>,
    /// Maximum number of connections per address, 0 for no limit [default:
    /// `$TERRA_AUTH_CONNECTIONS_PER_PEER`, else an eighth of all]
    ///
    /// All addresses of an IPv6 /64 network count as one. Loopback addresses have no limit. Set 0
    /// behind a proxy on another machine.
    #[arg(long, value_name = "COUNT", help_heading = CONNECTIONS_HEADING)]
    connections_per_peer: Option<usize>,
    /// Log each request: method, route, status, milliseconds, peer, dev-id, trace id [default:
    /// `$TERRA_AUTH_ACCESS_LOG`, else off]
    ///
    /// Rejected credentials are always logged, with the reason, at most one line per second for each peer.
    #[arg(long, help_heading = CONNECTIONS_HEADING)]
    access_log: bool,
}

impl ConnectionOptions {
    pub(crate) fn access_log(&self) -> bool {
        let is_on = |text: SecretString| !matches!(text.expose_secret().trim(), "0" | "false" | "off" | "no");
        self.access_log || variable::secret(ACCESS_LOG).is_some_and(is_on)
    }

    pub(crate) fn limits(&self, drain: Duration) -> anyhow::Result<ServerLimits> {
        let fitting = ServerLimits::for_this_process();
        let idle_timeout = self.idle_timeout.map_or_else(|| duration_in(IDLE_TIMEOUT), |it| Ok(Some(it)))?;
        let connections = self.connections.map_or_else(|| number_in(CONNECTIONS), |it| Ok(Some(it)))?;
        let per_peer = self.connections_per_peer.map_or_else(|| number_in(CONNECTIONS_PER_PEER), |it| Ok(Some(it)))?;
        let connections = connections.map_or(fitting.connections, NonZeroUsize::get);
        Ok(ServerLimits {
            idle_timeout: idle_timeout.unwrap_or(fitting.idle_timeout),
            connections,
            connections_per_peer: Some(per_peer.unwrap_or((connections / 8).max(1))).filter(|share| *share > 0),
            drain,
            ..fitting
        })
    }
}

/// The number in a variable of the process environment.
fn number_in<T: FromStr>(name: &str) -> anyhow::Result<Option<T>> {
    let Some(text) = variable::secret(name) else { return Ok(None) };
    let misused = |_| {
        let message = format!("{name}: {:?} is not a number", text.expose_secret());
        CommandError::new(FailureKind::Misused, message, format!("correct or unset {name}"))
    };
    Ok(Some(text.expose_secret().trim().parse().map_err(misused)?))
}

/// The duration in a variable of the process environment.
fn duration_in(name: &str) -> anyhow::Result<Option<Duration>> {
    let Some(text) = variable::secret(name) else { return Ok(None) };
    let misused =
        |error| CommandError::new(FailureKind::Misused, format!("{name}: {error}"), format!("correct or unset {name}"));
    Ok(Some(duration(text.expose_secret()).map_err(misused)?))
}

/// Whether other processes may have a SQLite file open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum InstanceSharing {
    Exclusive,
    Shared,
}

impl OpenOptions {
    /// For a server whose only store option is `new_store`.
    pub(crate) fn new_store(new_store: bool) -> Self {
        Self { new_store, ..Self::default() }
    }

    /// Opens the store at an address, and retries while it cannot be reached.
    pub(crate) async fn open(&self, store: &SecretString, share: InstanceSharing, ui: Ui) -> anyhow::Result<Store> {
        let accepted = Accepted { new_store: self.new_store, lost_changes: self.accept_lost_changes };
        let patience = self.store_timeout()?;
        let began = Instant::now();
        let mut said: Option<Instant> = None;
        loop {
            let opened = match share {
                InstanceSharing::Exclusive => open_accepting(store, accepted).await,
                InstanceSharing::Shared => open_shared_accepting(store, accepted).await,
            };
            match opened {
                Err(error) if error.is_transient() && began.elapsed() + RETRY_INTERVAL < patience => {
                    if said.is_none_or(|said| said.elapsed() >= REPORT_INTERVAL) {
                        said = Some(Instant::now());
                        let left = patience.saturating_sub(began.elapsed()).as_secs();
                        ui.note(&format!("waiting up to {left} s for the store: {:#}", anyhow::Error::new(error)))?;
                    }
                    sleep(RETRY_INTERVAL).await;
                }
                opened => return opened.map_err(with_remedy),
            }
        }
    }

    fn store_timeout(&self) -> anyhow::Result<Duration> {
        let waits = self.wait_for_store.map_or_else(|| duration_in(WAIT_FOR_STORE), |it| Ok(Some(it)))?;
        Ok(waits.unwrap_or(DEFAULT_STORE_TIMEOUT))
    }
}

/// Reads `60s`, `2m` or `1m 30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let span: SignedDuration = text.trim().parse().map_err(|_| "write it like 60s or 2m".to_owned())?;
    Duration::try_from(span).map_err(|_| "it must not be negative".to_owned())
}

/// Adds a remedy to an error of opening the store.
pub(crate) fn with_remedy(error: OpenError) -> anyhow::Error {
    let next = match &error {
        OpenError::Sqlite(SqliteError::Gone(_)) => {
            "mount its volume or put the file back, or restore a backup with `terra-auth restore`; to start with an empty \
             store, add --new-store"
        }
        OpenError::Sqlite(SqliteError::Damaged(..)) => {
            "nothing was changed; restore a backup with `terra-auth restore`, which moves this file aside"
        }
        OpenError::Sqlite(SqliteError::LostChanges(_)) => {
            "nothing was changed; if you have a copy of its -wal file, put it back; otherwise continue without the lost \
             changes with --accept-lost-changes, or restore a backup with `terra-auth restore`"
        }
        _ => return anyhow::Error::new(error).context("could not open the store"),
    };
    CommandError::new(FailureKind::Failed, error.to_string(), next).into()
}

/// Adds `next` to the error of a SQLite file that a server has open.
pub(crate) fn with_in_use_remedy(error: anyhow::Error, next: &str) -> anyhow::Error {
    match error.downcast_ref() {
        Some(error @ OpenError::Sqlite(SqliteError::InUse(_))) => {
            CommandError::new(FailureKind::Failed, error.to_string(), next).into()
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, duration};

    #[test]
    fn a_duration_is_written_with_its_unit() {
        for (text, seconds) in [("60s", 60), ("2m", 120), ("1m 30s", 90), ("0s", 0), ("1h", 3600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "60", "-5s", "soon"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
