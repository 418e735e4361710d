//! The log lines of a request.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::extract::{MatchedPath, Request};
use http::{Method, StatusCode};

use crate::limits::Peer;

/// The target of the access log: one line per request, at `info`.
pub const ACCESS_LOG: &str = "terra_auth::access";
/// The maximum number of lines about rejected requests per second, for all peers; each peer has one.
const MAX_REFUSALS: u64 = 10;
/// The maximum number of peers whose latest line is stored.
const MAX_PEERS: usize = 1024;
static REFUSALS: Mutex<Option<RefusalLog>> = Mutex::new(None);

/// The request in the log. It has the route, because a path can contain a secret.
#[derive(Debug)]
pub struct RequestLog {
    method: Method,
    route: Option<MatchedPath>,
    peer: Option<IpAddr>,
    dev_id: Option<String>,
    began: Instant,
}

/// Why a request was rejected: a code for programs and a text for people. An extension of the response.
#[derive(Clone, Debug)]
pub struct Refused {
    /// The problem's `code`.
    pub code: Option<&'static str>,
    /// The problem's `detail`.
    pub detail: String,
}

impl RequestLog {
    /// Records the request before it is handled.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        // It comes from an unknown caller, so only text in the form of a dev-id is logged.
        let is_dev_id = |text: &&str| {
            text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let dev_id = request.headers().get("dev-id").and_then(|value| value.to_str().ok()).filter(is_dev_id);
        Self {
            method: request.method().clone(),
            route: request.extensions().get::<MatchedPath>().cloned(),
            peer: request.extensions().get::<Peer>().map(|peer| peer.0),
            dev_id: dev_id.map(str::to_owned),
            began: Instant::now(),
        }
    }

    /// Writes the line of the access log, and a warning if credentials were rejected: one per second and peer.
    pub fn write(&self, status: StatusCode, refused: Option<&Refused>, trace_id: &str) {
        let now = Instant::now();
        let (method, route) = (&self.method, self.route.as_ref().map(MatchedPath::as_str));
        let (peer, dev_id) = (self.peer.map(tracing::field::display), self.dev_id.as_deref());
        let ms = u64::try_from((now - self.began).as_millis()).unwrap_or(u64::MAX);
        let code = refused.and_then(|refused| refused.code);
        tracing::info!(
            target: ACCESS_LOG,
            %method, route, status = status.as_u16(), ms, peer, dev_id, code, trace.id = trace_id, "answered"
        );
        let Some(refused) = refused.filter(|_| is_warned_of(status)) else { return };
        if let Some(left_out) = admit(self.peer, now) {
            let (peer, status) = (self.peer.map(tracing::field::display), status.as_u16());
            let reason = &*refused.detail;
            tracing::warn!(%method, route, status, code, peer, dev_id, left_out, trace.id = trace_id, reason, "rejected a request");
        }
    }
}

fn is_warned_of(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::MISDIRECTED_REQUEST
            | StatusCode::TOO_MANY_REQUESTS
    )
}

fn admit(peer: Option<IpAddr>, now: Instant) -> Option<u64> {
    REFUSALS.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(|| RefusalLog::new(now)).admit(peer, now)
}

struct RefusalLog {
    second: Instant,
    lines: u64,
    left_out: u64,
    latest: HashMap<Option<IpAddr>, Instant>,
}

impl RefusalLog {
    fn new(now: Instant) -> Self {
        Self { second: now, lines: 0, left_out: 0, latest: HashMap::new() }
    }

    /// Decides about a line: `Some` with the number of lines left out since the last one, or `None`.
    fn admit(&mut self, peer: Option<IpAddr>, now: Instant) -> Option<u64> {
        const SECOND: Duration = Duration::from_secs(1);
        if now.saturating_duration_since(self.second) >= SECOND {
            (self.second, self.lines) = (now, 0);
        }
        let is_early = self.latest.get(&peer).is_some_and(|latest| now.saturating_duration_since(*latest) < SECOND);
        if is_early || self.lines >= MAX_REFUSALS {
            self.left_out += 1;
            return None;
        }
        if self.latest.len() >= MAX_PEERS {
            self.latest.clear();
        }
        self.latest.insert(peer, now);
        self.lines += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::{IpAddr, Ipv4Addr},
        time::{Duration, Instant},
    };

    use super::{MAX_PEERS, RefusalLog};

    fn peer(number: u32) -> IpAddr {
        Ipv4Addr::from_bits(number).into()
    }

    #[test]
    fn one_peer_does_not_silence_another() {
        let now = Instant::now();
        let mut refusals = RefusalLog::new(now);
        let admitted = [1, 1, 1, 2, 1].map(|number| refusals.admit(Some(peer(number)), now));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None]);
        assert_eq!(refusals.admit(Some(peer(1)), now + Duration::from_secs(1)), Some(1));
    }

    #[test]
    fn lines_and_memory_are_bounded_however_many_peers_there_are() {
        let mut now = Instant::now();
        let mut refusals = RefusalLog::new(now);
        let mut lines = 0;
        for second in 0..200 {
            for number in 0..20 {
                lines += u32::from(refusals.admit(Some(peer(second * 20 + number)), now).is_some());
            }
            assert!(refusals.latest.len() <= MAX_PEERS);
            now += Duration::from_secs(1);
        }
        assert_eq!(lines, 200 * 10);
    }
}
