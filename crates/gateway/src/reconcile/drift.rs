use serde::Serialize;
use terra_auth_model::known_connection::KnownConnection;
use terra_auth_types::{Provider, UserId, wire::TerraUser};

/// How what is known differs from what the upstream has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// Users of the upstream.
    pub upstream: u64,
    /// Connections that were held as active or failing when the run began.
    pub known: u64,
    /// The upstream has them, we do not.
    pub missing: DriftReport,
    /// Reference id, provider, scopes, whether updates come, or the time of the connection differ.
    pub changed: DriftReport,
    /// We hold them, and the upstream says that it does not know them.
    pub gone: DriftReport,
    /// We hold them, the list does not have them, and asking for them gave no clear answer.
    pub unknown: u64,
    /// We hold them, the list does not have them, and there was no asking: too many, or the upstream failed.
    pub not_asked: u64,
    /// Connections that were corrected.
    pub repaired: u64,
}

/// The differences of one kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DriftReport {
    /// How many.
    pub count: u64,
    /// The first hundred.
    pub examples: Vec<Example>,
}

/// One of those that differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// The upstream's name for it.
    pub user_id: UserId,
    /// The source of data.
    pub provider: Provider,
    /// Whom it belongs to, as the upstream says; as we do, if it has it no longer.
    pub reference_id: Option<String>,
}

const MAX_EXAMPLES: usize = 100;

impl Drift {
    /// Whether everything is known as it is.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.missing.count + self.changed.count + self.gone.count == 0 && !self.is_open()
    }

    /// Whether some could not be told.
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
