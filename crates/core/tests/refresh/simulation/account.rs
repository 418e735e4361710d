//! The account at the provider, as the provider sees it, and what must never be done to it.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use secrecy::ExposeSecret as _;
use terra_auth_core::{
    grant::{GrantState, KeptGrant},
    provider::{RefreshError, Rotation, Tokens},
};
use tokio::time::Instant;

use crate::world::open;

/// How a provider treats refresh tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Model {
    /// The refresh token stays.
    Kept,
    /// It is spent, and asked again within the grace gives the same answer.
    GraceSame,
    /// It is spent, and asked again within the grace gives another answer; only the newest one counts.
    GraceNewest,
    /// It is spent.
    Once,
    /// It is spent, and asked again ends everything.
    OnceOrEnd,
    /// It stays good, and brings another pair each time, until an access token that it brought is first used. Then its pair
    /// and the others that it brought are over. Only so many pairs may live.
    UntilUsed,
}

pub(crate) const MODELS: [Model; 6] =
    [Model::Kept, Model::GraceSame, Model::GraceNewest, Model::Once, Model::OnceOrEnd, Model::UntilUsed];

/// So many pairs may live under [`Model::UntilUsed`].
const MOST_PAIRS: usize = 10;

/// Longer than anything that goes wrong takes.
const GRACE: Duration = Duration::from_mins(20);

/// How long an access token lives.
pub(crate) const LIFE: Duration = Duration::from_secs(90);

/// More tokens than are given for one login.
const LOGIN: u64 = 1_000_000;

/// The least time between two calls with one refresh token while the first may still be under way: a lease, less the most
/// by which two clocks differ.
const APART: Duration = Duration::from_secs(30 - 8);

impl Model {
    pub(crate) fn rotation(self) -> Rotation {
        let grace = Some(GRACE.try_into().unwrap());
        match self {
            Self::Kept => Rotation::Kept,
            Self::GraceSame | Self::GraceNewest => Rotation::SingleUse { grace, reuse_ends_grant: true },
            Self::Once | Self::UntilUsed => Rotation::SingleUse { grace: None, reuse_ends_grant: false },
            Self::OnceOrEnd => Rotation::SingleUse { grace: None, reuse_ends_grant: true },
        }
    }

    /// Whether a lost answer can be had again.
    const fn recovers(self) -> bool {
        matches!(self, Self::Kept | Self::GraceSame | Self::GraceNewest | Self::UntilUsed)
    }
}

/// One account.
pub(crate) struct Account {
    pub(crate) model: Model,
    state: Mutex<State>,
}

/// Tokens are numbered. Number 0 came with the login, and each later login begins with [`LOGIN`] more.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "what may be held against us, and what may not")]
struct State {
    /// The tokens that came with the latest login.
    login: u64,
    /// The newest tokens that were given away.
    newest: u64,
    /// What was spent last, when, and the first that was given for it.
    spent: Option<(u64, Instant, u64)>,
    /// The refresh token that counts.
    current: u64,
    /// Each pair that lives under [`Model::UntilUsed`], with the one that brought it.
    live: Vec<(u64, Option<u64>)>,
    revoked_by_user: bool,
    ended: bool,
    /// It ended by a second use, while the tokens for the first one were still nowhere to be found.
    ended_in_the_dark: bool,
    /// The network itself has repeated a request to somebody who minds.
    harmed_by_network: bool,
    calls: Vec<Call>,
    kept: BTreeSet<u64>,
    last_kept: u64,
    broken: Option<String>,
}

struct Call {
    token: u64,
    at: Instant,
    /// Whether it surely ended, without tokens.
    failed: bool,
}

impl Account {
    pub(crate) fn new(model: Model) -> Self {
        Self { model, state: Mutex::new(State { kept: [0].into(), live: vec![(0, None)], ..State::default() }) }
    }

    /// What the provider does with a refresh token; the number of the tokens that it gives for it.
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

    /// The same request once more, by the network's own doing.
    pub(crate) fn spend_again(&self, token: u64) {
        let mut state = self.state.lock().unwrap();
        state.harmed_by_network |= !matches!(self.model, Model::Kept | Model::GraceSame | Model::UntilUsed);
        drop(state);
        drop(self.spend(token));
    }

    /// The end user connects again, and the grant before is over; the number of the new tokens.
    pub(crate) fn log_in(&self) -> u64 {
        let mut state = self.state.lock().unwrap();
        let login = state.login + LOGIN;
        (state.login, state.newest, state.current, state.last_kept) = (login, login, login, login);
        (state.spent, state.ended, state.harmed_by_network) = (None, false, false);
        state.live = vec![(login, None)];
        state.kept.insert(login);
        login
    }

    pub(crate) fn revoke(&self) {
        self.state.lock().unwrap().revoked_by_user = true;
    }

    /// A call begins; answers its place in the list.
    pub(crate) fn call(&self, token: u64) -> usize {
        let mut state = self.state.lock().unwrap();
        let now = Instant::now();
        let double = |call: &&Call| call.token == token && !call.failed && now < call.at + APART;
        if self.model != Model::Kept && state.calls.iter().any(|call| double(&call)) {
            state.breaks(format!("refresh token {token} was sent by two at once"));
        }
        state.calls.push(Call { token, at: now, failed: false });
        state.calls.len() - 1
    }

    pub(crate) fn call_failed(&self, place: usize) {
        self.state.lock().unwrap().calls[place].failed = true;
    }

    /// Looks at what was committed.
    pub(crate) fn look(&self, kept: &KeptGrant) {
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
            state.breaks("called revoked what nobody revoked".to_owned());
        }
        if kept.state == GrantState::NeedsConsent && self.accepts(&state, number) {
            state.breaks("asked for consent while the tokens work".to_owned());
        }
    }

    /// Somebody was given an access token.
    pub(crate) fn handed_out(&self, access: u64) {
        let mut state = self.state.lock().unwrap();
        if !state.kept.contains(&access) {
            state.breaks(format!("tokens {access} were used before they were kept"));
        }
        // Not each caller makes a call.
        if access.is_multiple_of(5) {
            state.use_access_token(access);
        }
    }

    /// The call after a refresh.
    pub(crate) fn confirm(&self, access: u64) -> bool {
        self.state.lock().unwrap().use_access_token(access)
    }

    /// How it all ended.
    pub(crate) fn end(&self, kept: &KeptGrant) -> Result<Vec<(u64, Instant)>, String> {
        let state = self.state.lock().unwrap();
        if let Some(broken) = &state.broken {
            return Err(broken.clone());
        }
        let tokens = open(kept);
        let works = kept.state == GrantState::Fine && self.accepts(&state, refresh_number(&tokens));
        let missing = (state.login..=state.newest).any(|number| !state.kept.contains(&number));
        let calls = state.calls.iter().map(|call| (call.token, call.at)).collect();
        match (state.revoked_by_user, works) {
            (true, _) if kept.state.is_over() => Ok(calls),
            (true, _) => Err(format!("nobody noticed that the user revoked the grant: {kept:?}")),
            (false, true) => Ok(calls),
            (false, false) if state.harmed_by_network => Ok(calls),
            (false, false) if !self.model.recovers() && (missing || state.ended_in_the_dark) => Ok(calls),
            (false, false) => Err(format!("the grant is burnt: {kept:?}")),
        }
    }

    /// Whether a refresh token would still be good.
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

    /// What a refresh token brings under [`Model::UntilUsed`].
    fn bring_another(&mut self, token: u64) -> Result<u64, RefreshError> {
        if self.revoked_by_user || !self.lives(token) {
            return Err(RefreshError::GrantRefused { code: "invalid_grant".to_owned() });
        }
        if self.live.len() >= MOST_PAIRS {
            self.breaks("pairs that nobody used filled the provider's limit".to_owned());
            return Err(RefreshError::Unreadable); // 400 without a code
        }
        self.newest += 1;
        self.live.push((self.newest, Some(token)));
        Ok(self.newest)
    }

    /// Ends the pair that brought this one, and the others that it brought; answers whether this one lives.
    fn use_access_token(&mut self, access: u64) -> bool {
        let Some((_, parent)) = self.live.iter().copied().find(|(pair, _)| *pair == access) else { return false };
        if parent.is_some() {
            self.live.retain(|(pair, brought_by)| *pair == access || (Some(*pair) != parent && *brought_by != parent));
        }
        !self.revoked_by_user
    }

    /// The first thing that breaks is told; others follow from it.
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
