//! What became of revocations, for whoever must answer for them.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{RevocationParams, RevocationReport, RevocationReports},
};

use crate::{
    admin::AdminError,
    auth::Auth,
    store::{StoreError, Tx, Unit},
};

/// The most reports on a page, and how many there are if nobody says.
const LONGEST: u32 = 500;
const USUAL: u32 = 100;

/// The place of a report among those of its environment: Unix milliseconds and the connection, as text `1893456000000.<user id>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportCursor {
    /// When the connection ended.
    pub asked_at: Timestamp,
    /// The connection.
    pub user_id: UserId,
}

impl fmt::Display for ReportCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.asked_at.as_millisecond(), self.user_id)
    }
}

impl FromStr for ReportCursor {
    type Err = AdminError;

    fn from_str(text: &str) -> Result<Self, AdminError> {
        let read = || {
            let (ms, user_id) = text.split_once('.')?;
            let asked_at = Timestamp::from_millisecond(ms.parse().ok()?).ok()?;
            Some(Self { asked_at, user_id: user_id.parse().ok()? })
        };
        read().ok_or(AdminError::Invalid("after: `next` of the page before"))
    }
}

impl Auth {
    /// One page of what became of an environment's grants after their connections ended, the newest first. An environment
    /// that was deleted has its reports, too.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn revocation_reports(
        &self,
        dev_id: &DevId,
        params: &RevocationParams,
    ) -> Result<RevocationReports, AdminError> {
        let after = params.after.as_deref().map(str::parse).transpose()?;
        let limit = params.limit.unwrap_or(USUAL).clamp(1, LONGEST);
        let unit = ReadReports { dev_id: dev_id.clone(), user_id: params.user_id, after, limit };
        let revocations = self.store.read(unit).await?;
        if revocations.is_empty() {
            self.known(dev_id)?;
        }
        let last = revocations.last().filter(|_| revocations.len() == limit as usize);
        let cursor = |last: &RevocationReport| ReportCursor { asked_at: last.asked_at, user_id: last.user_id };
        Ok(RevocationReports { next: last.map(|last| cursor(last).to_string()), revocations })
    }
}

struct ReadReports {
    dev_id: DevId,
    user_id: Option<UserId>,
    after: Option<ReportCursor>,
    limit: u32,
}

#[async_trait]
impl Unit for ReadReports {
    type Done = Vec<RevocationReport>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.revocation_reports(&self.dev_id, self.user_id, self.after, self.limit).await
    }
}
