//! Reports about the revocations of an environment.

use terra_auth_model::{revocation::ReportCursor, unit};
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{RevocationParams, RevocationReport, RevocationReports},
};

pub(crate) use crate::{admin::action::AdminError, auth::Auth};

/// The maximum and the default number of reports on a page.
const MAX_PAGE: u32 = 500;
const DEFAULT_PAGE: u32 = 100;

impl Auth {
    /// Returns one page of revocation reports of an environment, newest first. The reports of a deleted
    /// environment remain available.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn revocation_reports(
        &self,
        dev_id: &DevId,
        params: &RevocationParams,
    ) -> Result<RevocationReports, AdminError> {
        let after = params.after.as_deref().map(str::parse).transpose();
        let after = after.map_err(|_| AdminError::Invalid("after: use `next` of the previous page"))?;
        let limit = params.limit.unwrap_or(DEFAULT_PAGE).clamp(1, MAX_PAGE);
        let unit = ReadReports { dev_id: dev_id.clone(), user_id: params.user_id, after, limit };
        let revocations = self.store().read(unit).await?;
        if revocations.is_empty() {
            self.require_environment(dev_id)?;
        }
        let last = revocations.last().filter(|_| revocations.len() == limit as usize);
        let cursor = |last: &RevocationReport| ReportCursor { asked_at: last.asked_at, user_id: last.user_id };
        Ok(RevocationReports { next: last.map(|last| cursor(last).to_string()), revocations })
    }
}

unit!(ReadReports(dev_id: DevId, user_id: Option<UserId>, after: Option<ReportCursor>, limit: u32) -> Vec<RevocationReport> = |tx| tx.revocation_reports(dev_id, *user_id, *after, *limit));
