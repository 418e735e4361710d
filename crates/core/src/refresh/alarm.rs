//! What is wrong with a whole provider: one line in the log when it begins and one when it is over, however many grants wait
//! behind it. No end user can mend it.

use jiff::Timestamp;
use terra_auth_types::{DevId, Provider};

/// So many refreshes in a row, of whatever grants, bring nothing: the provider fails.
const IN_A_ROW: u32 = 5;

/// An app that its provider refuses: its credentials are wrong, or it was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedApp {
    /// Whose app it is.
    pub dev_id: DevId,
    /// Who refuses it.
    pub provider: Provider,
    /// The provider's error code.
    pub code: String,
    /// Since when.
    pub since: Timestamp,
}

/// A provider that cannot be reached, or does not answer as it should.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingProvider {
    /// For whose app.
    pub dev_id: DevId,
    /// Who fails.
    pub provider: Provider,
    /// Since the first refresh that brought nothing.
    pub since: Timestamp,
}

/// The alarms about one provider, for the app of one environment.
pub(super) struct Alarms {
    dev_id: DevId,
    provider: Provider,
    refused: Option<RefusedApp>,
    failures: u32,
    first_failure: Timestamp,
}

impl Alarms {
    pub(super) fn new(dev_id: DevId, provider: Provider) -> Self {
        Self { dev_id, provider, refused: None, failures: 0, first_failure: Timestamp::default() }
    }

    pub(super) fn refused(&self) -> Option<RefusedApp> {
        self.refused.clone()
    }

    pub(super) fn failing(&self) -> Option<FailingProvider> {
        let (dev_id, provider) = (self.dev_id.clone(), self.provider.clone());
        (self.failures >= IN_A_ROW).then_some(FailingProvider { dev_id, provider, since: self.first_failure })
    }

    /// No answer came, or none that can be read.
    pub(super) fn fails(&mut self, now: Timestamp) {
        if self.failures == 0 {
            self.first_failure = now;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures == IN_A_ROW {
            tracing::error!(dev_id = %self.dev_id, provider = %self.provider,
                "{} fails: {IN_A_ROW} refreshes in a row brought nothing for the app of {}", self.provider, self.dev_id);
        }
    }

    /// An answer came, whatever it says.
    pub(super) fn answers(&mut self) {
        if self.failures >= IN_A_ROW {
            tracing::info!(dev_id = %self.dev_id, provider = %self.provider,
                "{} answers the app of {} again", self.provider, self.dev_id);
        }
        self.failures = 0;
    }

    /// The app is refused.
    pub(super) fn refuses(&mut self, code: &str, now: Timestamp) {
        if self.refused.is_none() {
            tracing::error!(dev_id = %self.dev_id, provider = %self.provider, code,
                "{} refuses the app of {}: {code}; nothing is refreshed there until that is mended", self.provider, self.dev_id);
            let (dev_id, provider) = (self.dev_id.clone(), self.provider.clone());
            self.refused = Some(RefusedApp { dev_id, provider, code: code.to_owned(), since: now });
        }
    }

    /// The provider answered as it does to an app that it knows.
    pub(super) fn accepts(&mut self) {
        self.answers();
        if self.refused.take().is_some() {
            tracing::info!(dev_id = %self.dev_id, provider = %self.provider,
                "{} accepts the app of {} again", self.provider, self.dev_id);
        }
    }
}
