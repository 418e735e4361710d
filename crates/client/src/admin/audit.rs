use futures_util::{Stream, TryStreamExt as _, stream};
use reqwest::header::HeaderMap;
use terra_auth_types::wire::admin::{AuditEntry, AuditPage, AuditVerdict};

use super::{AdminClient, AdminError};
use crate::transport::Call;

/// Maximum number of entries per call.
const AUDIT_PAGE_SIZE: u32 = 500;

impl AdminClient {
    /// Streams the audit entries after number `after`, oldest first; 0 starts at the first entry. Pages are
    /// fetched on demand.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error. It is [`Error::UnreadableResponse`](crate::Error::UnreadableResponse) if the
    /// server's pages do not advance.
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
        let call = Call::get(self.url_for(["audit"])).query("after", &after.to_string());
        let call = call.query("limit", &AUDIT_PAGE_SIZE.to_string()).large_response();
        let page: AuditPage = self.inner.transport.read(&call).await?;
        let advances = page.next.is_none_or(|next| next > after && !page.entries.is_empty());
        let endless = || self.inner.transport.unreadable(&call, &HeaderMap::new(), "the pages of the log do not end");
        if advances { Ok(page) } else { Err(endless().into()) }
    }

    /// Lets the server verify that the audit log is complete and unchanged.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn verify_audit(&self) -> Result<AuditVerdict, AdminError> {
        self.read(Call::get(self.url_for(["audit", "verify"]))).await
    }
}
