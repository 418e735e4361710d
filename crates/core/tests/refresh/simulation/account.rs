//! The account from the provider's point of view, and the rules that nodes must never violate.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use secrecy::ExposeSecret as _;
use terra_auth_model::{
    grant::StoredGrant,
    provider::{RefreshError, Rotation, Tokens},
};
use terra_auth_types::wire::admin::GrantState;
use tokio::time::Instant;

use crate::world::open;

/// How a provider treats refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// The refresh token does not change.
    Kept,
    /// The refresh token is spent. Within the grace period, the same request gets the same answer.
    GraceSame,
    /// The refresh token is spent. Within the grace period, the same request gets another pair; only the newest
    /// is valid.
    GraceNewest,
    /// The refresh token is spent.
    Once,
    /// The refresh token is spent, and a second use revokes the grant.
    OnceOrEnd,
    /// The refresh token remains valid and produces another pair each time, until an access token of such a
    /// pair is first used. Then the old pair and the other new pairs are revoked. The number of valid pairs is
    /// limited.
    UntilUsed,
}

pub(crate) const MODELS: [Model; 6] =
    [Model::Kept, Model::GraceSame, Model::GraceNewest, Model::Once, Model::OnceOrEnd, Model::UntilUsed];

/// The maximum number of valid pairs under [`Model::UntilUsed`].
const MAX_PAIRS: usize = 10;
/// Longer than every simulated failure.
const GRACE: Duration = Duration::from_mins(20);
/// The lifetime of an access token.
pub(crate) const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(90);
/// More than the number of pairs that one login can produce.
const PAIRS_PER_LOGIN: u64 = 1_000_000;
/// The minimum time between two calls with one refresh token while the first may still be in flight: a lease,
/// minus the largest difference between two clocks.
const MIN_CALL_GAP: Duration = Duration::from_secs(30 - 8);

impl Model {
    pub(crate) fn rotation(self) -> Rotation {
        let grace = Some(GRACE.try_into().unwrap());
        match self {
            Self::Kept => Rotation::Reusable,
            Self::GraceSame | Self::GraceNewest => Rotation::SingleUse { grace, reuse_ends_grant: true },
            Self::Once | Self::UntilUsed => Rotation::SingleUse { grace: None, reuse_ends_grant: false },
            Self::OnceOrEnd => Rotation::SingleUse { grace: None, reuse_ends_grant: true },
        }
    }

    /// Whether the same request can get a lost response again.
    const fn recovers(self) -> bool {
        matches!(self, Self::Kept | Self::GraceSame | Self::GraceNewest | Self::UntilUsed)
    }
}

/// One account.
pub(crate) struct Account {
    pub(crate) model: Model,
    state: Mutex<State>,
}

/// The pairs of tokens are numbered. Number 0 came with the login, and each later login begins with [`PAIRS_PER_LOGIN`] more.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the account")]
struct State {
    /// The pair of the latest login.
    login: u64,
    /// The newest pair that was issued.
    newest: u64,
    /// The refresh token that was spent last, when, and the first pair that was issued for it.
    spent: Option<(u64, Instant, u64)>,
    /// The valid refresh token.
    current: u64,
    /// Each valid pair under [`Model::UntilUsed`], with the pair that produced it.
    live: Vec<(u64, Option<u64>)>,
    revoked_by_user: bool,
    ended: bool,
    /// Revoked by a second use, while the pair of the first use was not stored anywhere.
    ended_in_the_dark: bool,
    /// The network has repeated a request to a provider where that causes damage.
    harmed_by_network: bool,
    calls: Vec<Call>,
    kept: BTreeSet<u64>,
    last_kept: u64,
    broken: Option<String>,
}

struct Call {
    token: u64,
    at: Instant,
    /// Whether the call certainly ended without tokens.
    failed: bool,
}

impl Account {
    pub(crate) fn new(model: Model) -> Self {
        Self { model, state: Mutex::new(State { kept: [0].into(), live: vec![(0, None)], ..State::default() }) }
    }

    /// Processes a refresh token like the provider; returns the number of the issued pair.
    pub(crate) fn spend(&self, token: u64) -> Result<u64, RefreshError> {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let is_replaced = token < state.login;
        if self.model == Model::UntilUsed {
            return state.bring_another(token);
        }
        if !state.revoked_by_user && !state.ended && !is_replaced {
            if token == state.current {
                state.newest += 1;
                if self.model != Model::Kept {
                    (state.spent, state.current) = (Some((token, now, state.newest)), state.newest);
                }
                return Ok(state.newest);
            }
            match state.spent {
                Some((spent, at, given)) if spent == token && self.model.recovers() && now < at + GRACE => {
                    if self.model == Model::GraceNewest {
                        state.newest += 1;
                        state.current = state.newest;
                        return Ok(state.newest);
                    }
                    return Ok(given);
                }
                _ if self.model == Model::OnceOrEnd => {
                    state.ended = true;
                    state.ended_in_the_dark = !state.kept.contains(&state.newest);
                }
                _ => {}
            }
        }
        Err(RefreshError::GrantRefused { code: "invalid_grant".to_owned() })
    }

    /// Processes a request that the network has repeated.
    pub(crate) fn spend_again(&self, token: u64) {
        let mut state = self.state.lock().unwrap();
        state.harmed_by_network |= !matches!(self.model, Model::Kept | Model::GraceSame | Model::UntilUsed);
        drop(state);
        drop(self.spend(token));
    }

    /// Logs the end user in again, which revokes the previous grant; returns the number of the new pair.
    pub(crate) fn log_in(&self) -> u64 {
        let mut state = self.state.lock().unwrap();
        let login = state.login + PAIRS_PER_LOGIN;
        (state.login, state.newest, state.current, state.last_kept) = (login, login, login, login);
        (state.spent, state.ended, state.harmed_by_network) = (None, false, false);
        state.live = vec![(login, None)];
        state.kept.insert(login);
        login
    }

    pub(crate) fn revoke(&self) {
        self.state.lock().unwrap().revoked_by_user = true;
    }

    /// Records the beginning of a call; returns its index.
    pub(crate) fn call(&self, token: u64) -> usize {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let double = |call: &&Call| call.token == token && !call.failed && now < call.at + MIN_CALL_GAP;
        if self.model != Model::Kept && state.calls.iter().any(|call| double(&call)) {
            state.breaks(format!("refresh token {token} was sent twice at the same time"));
        }
        state.calls.push(Call { token, at: now, failed: false });
        state.calls.len() - 1
    }

    pub(crate) fn call_failed(&self, place: usize) {
        self.state.lock().unwrap().calls[place].failed = true;
    }

    /// Checks the committed row.
    pub(crate) fn look(&self, kept: &StoredGrant) {
        let mut state = self.state.lock().unwrap();
        let number = refresh_number(&open(kept));
        let access = access_number(&open(kept));
        if access < state.last_kept {
            let newer = state.last_kept;
            state.breaks(format!("tokens {access} replaced the newer {newer}"));
        }
        state.last_kept = access;
        state.kept.insert(access);
        if kept.state == GrantState::Revoked && !state.revoked_by_user && !state.harmed_by_network {
            state.breaks("reported a revocation that did not happen".to_owned());
        }
        if kept.state == GrantState::NeedsConsent && self.accepts(&state, number) {
            state.breaks("asked for consent although the tokens work".to_owned());
        }
    }

    /// Records that a caller got an access token.
    pub(crate) fn handed_out(&self, access: u64) {
        let mut state = self.state.lock().unwrap();
        if !state.kept.contains(&access) {
            state.breaks(format!("tokens {access} were used before they were stored"));
        }
        // Only some callers use their token.
        if access.is_multiple_of(5) {
            state.use_access_token(access);
        }
    }

    /// Processes a confirmation call.
    pub(crate) fn confirm(&self, access: u64) -> bool {
        self.state.lock().unwrap().use_access_token(access)
    }

    /// Checks the final state; returns all calls.
    pub(crate) fn end(&self, kept: &StoredGrant) -> Result<Vec<(u64, Instant)>, String> {
        let state = self.state.lock().unwrap();
        if let Some(broken) = &state.broken {
            return Err(broken.clone());
        }
        let tokens = open(kept);
        let works = kept.state == GrantState::Fine && self.accepts(&state, refresh_number(&tokens));
        let missing = (state.login..=state.newest).any(|number| !state.kept.contains(&number));
        let calls = state.calls.iter().map(|call| (call.token, call.at)).collect();
        match (state.revoked_by_user, works) {
            (true, _) if kept.state.requires_reconnect() => Ok(calls),
            (true, _) => Err(format!("the user's revocation was not noticed: {kept:?}")),
            (false, true) => Ok(calls),
            (false, false) if state.harmed_by_network => Ok(calls),
            (false, false) if !self.model.recovers() && (missing || state.ended_in_the_dark) => Ok(calls),
            (false, false) => Err(format!("the grant is lost: {kept:?}")),
        }
    }

    /// Whether a refresh token would be accepted.
    fn accepts(&self, state: &State, token: u64) -> bool {
        let in_grace = |(spent, at, _): (u64, Instant, u64)| {
            spent == token && self.model.recovers() && Instant::now() < at + GRACE
        };
        if self.model == Model::UntilUsed {
            return !state.revoked_by_user && state.lives(token);
        }
        !state.revoked_by_user && !state.ended && (token == state.current || state.spent.is_some_and(in_grace))
    }
}

impl State {
    fn lives(&self, token: u64) -> bool {
        self.live.iter().any(|(pair, _)| *pair == token)
    }

    /// Issues another pair for a refresh token under [`Model::UntilUsed`].
    fn bring_another(&mut self, token: u64) -> Result<u64, RefreshError> {
        if self.revoked_by_user || !self.lives(token) {
            return Err(RefreshError::GrantRefused { code: "invalid_grant".to_owned() });
        }
        if self.live.len() >= MAX_PAIRS {
            self.breaks("unused pairs reached the provider's limit".to_owned());
            return Err(RefreshError::Unreadable); // 400 without a code
        }
        self.newest += 1;
        self.live.push((self.newest, Some(token)));
        Ok(self.newest)
    }

    /// Revokes the pair that produced this one, and the other pairs that it produced; returns whether this one
    /// is valid.
    fn use_access_token(&mut self, access: u64) -> bool {
        let Some((_, parent)) = self.live.iter().copied().find(|(pair, _)| *pair == access) else { return false };
        if parent.is_some() {
            self.live.retain(|(pair, brought_by)| *pair == access || (Some(*pair) != parent && *brought_by != parent));
        }
        !self.revoked_by_user
    }

    /// Records the first violated rule; others are usually consequences of it.
    fn breaks(&mut self, what: String) {
        self.broken.get_or_insert(what);
    }
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

pub(crate) fn refresh_number(tokens: &Tokens) -> u64 {
    number(tokens.refresh_token.as_ref().unwrap().expose_secret())
}

pub(crate) fn access_number(tokens: &Tokens) -> u64 {
    number(tokens.access_token.expose_secret())
}
