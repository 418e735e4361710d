//! How a server or a gateway opens its store: how long it waits for it, and what it accepts in a file.

use std::{num::NonZeroUsize, str::FromStr, time::Duration};

use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth_core::store::Store;
use terra_auth_http::Limits;
use terra_auth_store::{Accepted, OpenError, SqliteError, open_accepting, open_shared_accepting};
use tokio::time::{Instant, sleep};

use crate::{
    failure::{Advice, Kind},
    ui::Ui,
    variable,
};

const WAIT_FOR_STORE: &str = "TERRA_AUTH_WAIT_FOR_STORE";
/// A database that is started at the same time, as by compose, is up by then.
const DEFAULT_WAIT: Duration = Duration::from_secs(15);
const RETRY_EVERY: Duration = Duration::from_millis(500);
const SAYS_EVERY: Duration = Duration::from_secs(10);

const HEADING: &str = "Flags of the store";

/// Flags of every command that serves.
#[derive(Clone, Default, PartialEq, clap::Args)]
pub(crate) struct Opening {
    /// Wait so long for a PostgreSQL that does not answer or is still starting [default: `$TERRA_AUTH_WAIT_FOR_STORE`, else 15s]
    ///
    /// Written like 60s or 2m; 0s gives up at once. A wrong password or an unknown database fails at once in any case.
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = HEADING)]
    wait_for_store: Option<Duration>,
    /// Begin an empty store although there was one here before and it is gone
    #[arg(long, help_heading = HEADING)]
    pub(crate) new_store: bool,
    /// Use a SQLite store of which acknowledged changes are lost, as its write-ahead log was cut or changed
    #[arg(long, help_heading = HEADING)]
    accept_lost_changes: bool,
    /// Accept admin tokens, keys, environments and provider apps that were changed in the database by hand, all of them as they are
    ///
    /// A server ignores such a row otherwise, and says so. Know every row before you use this; it is a line in the audit log.
    #[arg(long, help_heading = HEADING)]
    pub(crate) accept_changed_rows: bool,
}

const IDLE_TIMEOUT: &str = "TERRA_AUTH_IDLE_TIMEOUT";

const CONNECTIONS_HEADING: &str = "Flags of connections";
const CONNECTIONS: &str = "TERRA_AUTH_CONNECTIONS";
const ACCESS_LOG: &str = "TERRA_AUTH_ACCESS_LOG";
const CONNECTIONS_PER_PEER: &str = "TERRA_AUTH_CONNECTIONS_PER_PEER";

/// How many connections there may be, and how long one without a request stays open.
#[derive(Clone, Default, PartialEq, clap::Args)]
pub(crate) struct ConnectionOptions {
    /// Close a connection so long after the last answer; longer than a proxy in front keeps it [default: `$TERRA_AUTH_IDLE_TIMEOUT`, else 75s]
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = CONNECTIONS_HEADING)]
    idle_timeout: Option<Duration>,
    /// Keep at most so many connections open [default: `$TERRA_AUTH_CONNECTIONS`, else what memory and open files allow, up to 20000]
    ///
    /// One more closes the connection that has waited longest for its client. The start raises the soft limit of open files
    /// to the hard one.
    #[arg(long, value_name = "COUNT", help_heading = CONNECTIONS_HEADING)]
    connections: Option<NonZeroUsize>,
    /// Let one address have so many of them, 0 for no limit [default: `$TERRA_AUTH_CONNECTIONS_PER_PEER`, else an eighth]
    ///
    /// An IPv6 address counts with its /64 network. Loopback addresses have no limit. Set 0 behind a proxy on another machine.
    #[arg(long, value_name = "COUNT", help_heading = CONNECTIONS_HEADING)]
    connections_per_peer: Option<usize>,
    /// Log each request: method, route, status, milliseconds, peer, dev-id, trace id [default: `$TERRA_AUTH_ACCESS_LOG`, else off]
    ///
    /// Refused credentials are logged in any case, with the reason and at most one line a second for each peer.
    #[arg(long, help_heading = CONNECTIONS_HEADING)]
    access_log: bool,
}

impl ConnectionOptions {
    pub(crate) fn access_log(&self) -> bool {
        let is_on = |text: SecretString| !matches!(text.expose_secret().trim(), "0" | "false" | "off" | "no");
        self.access_log || variable::secret(ACCESS_LOG).is_some_and(is_on)
    }

    pub(crate) fn limits(&self, drain: Duration) -> anyhow::Result<Limits> {
        let fitting = Limits::for_this_process();
        let idle_timeout = self.idle_timeout.map_or_else(|| duration_in(IDLE_TIMEOUT), |it| Ok(Some(it)))?;
        let connections = self.connections.map_or_else(|| number_in(CONNECTIONS), |it| Ok(Some(it)))?;
        let per_peer = self.connections_per_peer.map_or_else(|| number_in(CONNECTIONS_PER_PEER), |it| Ok(Some(it)))?;
        let connections = connections.map_or(fitting.connections, NonZeroUsize::get);
        Ok(Limits {
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
        let message = format!("{name}: {:?} is no number", text.expose_secret());
        Advice::new(Kind::Misused, message, format!("correct or unset {name}"))
    };
    Ok(Some(text.expose_secret().trim().parse().map_err(misused)?))
}

/// The duration in a variable of the process environment.
fn duration_in(name: &str) -> anyhow::Result<Option<Duration>> {
    let Some(text) = variable::secret(name) else { return Ok(None) };
    let misused = |error| Advice::new(Kind::Misused, format!("{name}: {error}"), format!("correct or unset {name}"));
    Ok(Some(duration(text.expose_secret()).map_err(misused)?))
}

/// Who else may have a SQLite file open.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Share {
    Alone,
    Together,
}

impl Opening {
    /// For a server whose flags decide about a new store only.
    pub(crate) fn new_store(new_store: bool) -> Self {
        Self { new_store, ..Self::default() }
    }

    /// Opens the store at an address, once it can be reached.
    pub(crate) async fn open(&self, store: &SecretString, share: Share, ui: Ui) -> anyhow::Result<Store> {
        let accepted = Accepted { new_store: self.new_store, lost_changes: self.accept_lost_changes };
        let patience = self.patience()?;
        let began = Instant::now();
        let mut said: Option<Instant> = None;
        loop {
            let opened = match share {
                Share::Alone => open_accepting(store, accepted).await,
                Share::Together => open_shared_accepting(store, accepted).await,
            };
            match opened {
                Err(error) if error.is_transient() && began.elapsed() + RETRY_EVERY < patience => {
                    if said.is_none_or(|said| said.elapsed() >= SAYS_EVERY) {
                        said = Some(Instant::now());
                        let left = patience.saturating_sub(began.elapsed()).as_secs();
                        ui.note(&format!("waiting up to {left} s for the store: {:#}", anyhow::Error::new(error)))?;
                    }
                    sleep(RETRY_EVERY).await;
                }
                opened => return opened.map_err(advised),
            }
        }
    }

    fn patience(&self) -> anyhow::Result<Duration> {
        let waits = self.wait_for_store.map_or_else(|| duration_in(WAIT_FOR_STORE), |it| Ok(Some(it)))?;
        Ok(waits.unwrap_or(DEFAULT_WAIT))
    }
}

/// Reads `60s`, `2m` or `1m 30s`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let span: SignedDuration = text.trim().parse().map_err(|_| "write it like 60s or 2m".to_owned())?;
    Duration::try_from(span).map_err(|_| "it must not be negative".to_owned())
}

/// What to do about a store that was refused.
pub(crate) fn advised(error: OpenError) -> anyhow::Error {
    let next = match &error {
        OpenError::Sqlite(SqliteError::Gone(_)) => {
            "mount its volume or put the file back, or restore a backup with `terra-auth restore`; to begin with an empty \
             store, add --new-store"
        }
        OpenError::Sqlite(SqliteError::Damaged(..)) => {
            "nothing was changed; restore a backup with `terra-auth restore`, which keeps this file aside"
        }
        OpenError::Sqlite(SqliteError::LostChanges(_)) => {
            "nothing was changed; if a copy of its -wal file is at hand, put that back; else go on without the lost changes: \
             --accept-lost-changes, or restore a backup with `terra-auth restore`"
        }
        _ => return anyhow::Error::new(error).context("could not open the store"),
    };
    Advice::new(Kind::Failed, error.to_string(), next).into()
}

/// A SQLite file that a server has open, and what to do then.
pub(crate) fn in_use(error: anyhow::Error, next: &str) -> anyhow::Error {
    match error.downcast_ref() {
        Some(error @ OpenError::Sqlite(SqliteError::InUse(_))) => {
            Advice::new(Kind::Failed, error.to_string(), next).into()
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
