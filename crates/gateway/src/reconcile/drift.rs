use serde::Serialize;
use terra_auth_model::known_connection::KnownConnection;
use terra_auth_types::{Provider, UserId, wire::TerraUser};

/// The differences between the known connections and the upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Users of the upstream.
    pub upstream: u64,
    /// Known active or failing connections at the start of the run.
    pub known: u64,
    /// Connections that only the upstream has.
    pub missing: DriftReport,
    /// Connections with a different reference id, provider, scopes, activity or creation time.
    pub changed: DriftReport,
    /// Known connections that do not exist at the upstream.
    pub gone: DriftReport,
    /// Known connections that the list lacks and whose lookup was inconclusive.
    pub unknown: u64,
    /// Known connections that the list lacks and that were not looked up: too many, or the upstream failed.
    pub not_asked: u64,
    /// Connections that were corrected.
    pub repaired: u64,
}

/// The differences of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DriftReport {
    /// The number.
    pub count: u64,
    /// The first hundred of them.
    pub examples: Vec<Example>,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The user id at the upstream.
    pub user_id: UserId,
    /// The source of data.
    pub provider: Provider,
    /// The reference id at the upstream, or the known one if it is gone there.
    pub reference_id: Option<String>,
}

const MAX_EXAMPLES: usize = 100;

impl Drift {
    /// Whether there is no difference.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.missing.count + self.changed.count + self.gone.count == 0 && !self.is_open()
    }

    /// Whether the result is incomplete.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.unknown + self.not_asked > 0
    }
}

impl DriftReport {
    pub(super) fn add(&mut self, example: impl Into<Example>) {
        self.count += 1;
        if self.examples.len() < MAX_EXAMPLES {
            self.examples.push(example.into());
        }
    }
}

impl From<&TerraUser> for Example {
    fn from(user: &TerraUser) -> Self {
        Self { user_id: user.user_id, provider: user.provider.clone(), reference_id: user.reference_id.clone() }
    }
}

impl From<&KnownConnection> for Example {
    fn from(known: &KnownConnection) -> Self {
        let reference_id = known.reference_id.as_ref().map(ToString::to_string);
        Self { user_id: known.user_id, provider: known.provider.clone(), reference_id }
    }
}
