//! Alarms about a provider: one log line when it begins to fail and one when it recovers, however many grants
//! are affected. End users cannot fix such a failure.

use jiff::Timestamp;
use terra_auth_types::{DevId, Provider};

/// The number of consecutive failed refreshes, of any grants, that count as a failure of the provider.
const ALARM_AFTER_FAILURES: u32 = 5;

/// An app that its provider refuses: its credentials are wrong, or the provider has closed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedApp {
    /// The environment of the app.
    pub dev_id: DevId,
    /// The provider that refuses it.
    pub provider: Provider,
    /// The provider's error code.
    pub code: String,
    /// When the provider began to refuse it.
    pub since: Timestamp,
}

/// A provider that cannot be reached or returns invalid responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailingProvider {
    /// The environment whose app is affected.
    pub dev_id: DevId,
    /// The provider that fails.
    pub provider: Provider,
    /// When the first refresh failed.
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
        (self.failures >= ALARM_AFTER_FAILURES).then_some(FailingProvider {
            dev_id,
            provider,
            since: self.first_failure,
        })
    }

    /// Records that the provider did not respond, or with an invalid response.
    pub(super) fn record_failure(&mut self, now: Timestamp) {
        if self.failures == 0 {
            self.first_failure = now;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures == ALARM_AFTER_FAILURES {
            tracing::error!(dev_id = %self.dev_id, provider = %self.provider,
                "{ALARM_AFTER_FAILURES} consecutive refreshes at {} failed for the app of {}", self.provider, self.dev_id);
        }
    }

    /// Records that the provider responded.
    pub(super) fn record_response(&mut self) {
        if self.failures >= ALARM_AFTER_FAILURES {
            tracing::info!(dev_id = %self.dev_id, provider = %self.provider,
                "{} responds to the app of {} again", self.provider, self.dev_id);
        }
        self.failures = 0;
    }

    /// Records that the provider refused the app.
    pub(super) fn record_refusal(&mut self, code: &str, now: Timestamp) {
        if self.refused.is_none() {
            tracing::error!(dev_id = %self.dev_id, provider = %self.provider, code,
                "{} refuses the app of {}: {code}; refreshes are suspended until this is fixed", self.provider, self.dev_id);
            let (dev_id, provider) = (self.dev_id.clone(), self.provider.clone());
            self.refused = Some(RefusedApp { dev_id, provider, code: code.to_owned(), since: now });
        }
    }

    /// Records that the provider accepted the app.
    pub(super) fn record_acceptance(&mut self) {
        self.record_response();
        if self.refused.take().is_some() {
            tracing::info!(dev_id = %self.dev_id, provider = %self.provider,
                "{} accepts the app of {} again", self.provider, self.dev_id);
        }
    }
}
