use futures_util::{Stream, TryStreamExt as _, stream};
use reqwest::header::HeaderMap;
use terra_auth_types::wire::admin::{AuditEntry, AuditPage, AuditVerdict};

use super::{AdminClient, AdminError};
use crate::transport::Call;

/// Lines asked for in one call.
const PER_PAGE: u32 = 500;

impl AdminClient {
    /// The lines of the audit log after the one numbered `after`, oldest first, page by page as they are asked for.
    /// 0 is from the beginning.
    ///
    /// # Errors
    ///
    /// Ends with the first error, which is [`Error::UnreadableAnswer`](crate::Error::UnreadableAnswer) if the server does
    /// not go on from line to line.
    pub fn audit(&self, after: u64) -> impl Stream<Item = Result<AuditEntry, AdminError>> + Send + use<> {
        let client = self.clone();
        let pages = stream::try_unfold(Some(after), move |after| {
            let client = client.clone();
            async move {
                let Some(after) = after else { return Ok::<_, AdminError>(None) };
                let AuditPage { entries, next } = client.audit_page(after).await?;
                Ok(Some((entries, next)))
            }
        });
        pages.map_ok(|entries| stream::iter(entries.into_iter().map(Ok))).try_flatten()
    }

    async fn audit_page(&self, after: u64) -> Result<AuditPage, AdminError> {
        let call = Call::get(self.at(["audit"])).query("after", &after.to_string());
        let call = call.query("limit", &PER_PAGE.to_string()).long_answer();
        let page: AuditPage = self.inner.transport.read(&call).await?;
        let goes_on = page.next.is_none_or(|next| next > after && !page.entries.is_empty());
        let endless = || self.inner.transport.unreadable(&call, &HeaderMap::new(), "the pages of the log do not end");
        if goes_on { Ok(page) } else { Err(endless().into()) }
    }

    /// Whether the audit log is whole, as the server finds it.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn verify_audit(&self) -> Result<AuditVerdict, AdminError> {
        self.read(Call::get(self.at(["audit", "verify"]))).await
    }
}
