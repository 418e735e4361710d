use futures_util::{Stream, TryStreamExt as _, stream};
use reqwest::header::HeaderMap;
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{RevocationReport, RevocationReports},
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

/// Maximum number of reports per call.
const REVOCATION_PAGE_SIZE: u32 = 500;

impl AdminClient {
    /// Streams the revocations of an environment's grants, or of one connection's grant, newest first. Pages
    /// are fetched on demand.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error. It is [`Error::UnreadableResponse`](crate::Error::UnreadableResponse) if the
    /// server's pages do not advance.
    pub fn revocations(
        &self,
        dev_id: &DevId,
        user_id: Option<UserId>,
    ) -> impl Stream<Item = Result<RevocationReport, AdminError>> + Send + use<> {
        let (client, dev_id) = (self.clone(), dev_id.clone());
        let pages = stream::try_unfold(Some(None), move |after| {
            let (client, dev_id) = (client.clone(), dev_id.clone());
            async move {
                let Some(after) = after else { return Ok::<_, AdminError>(None) };
                let RevocationReports { revocations, next } = client.revocation_page(&dev_id, user_id, after).await?;
                Ok(Some((revocations, next.map(Some))))
            }
        });
        pages.map_ok(|reports| stream::iter(reports.into_iter().map(Ok))).try_flatten()
    }

    async fn revocation_page(
        &self,
        dev_id: &DevId,
        user_id: Option<UserId>,
        after: Option<String>,
    ) -> Result<RevocationReports, AdminError> {
        let call = Call::get(self.url_for(["environments", dev_id.as_str(), "revocations"])).large_response();
        let call = call.query("limit", &REVOCATION_PAGE_SIZE.to_string());
        let call = user_id.iter().fold(call, |call, user_id| call.query("user_id", &user_id.to_string()));
        let call = after.iter().fold(call, |call, after| call.query("after", after));
        let page: RevocationReports = self.inner.transport.read(&call).await?;
        let advances = page.next.is_none() || (page.next != after && !page.revocations.is_empty());
        let endless = || self.inner.transport.unreadable(&call, &HeaderMap::new(), "the pages do not end");
        if advances { Ok(page) } else { Err(endless().into()) }
    }
}
