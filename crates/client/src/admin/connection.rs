use futures_util::{Stream, TryStreamExt as _, stream};
use reqwest::header::HeaderMap;
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{AdminConnection, ImportConnections, ImportedConnections, PortableConnection, PortableConnections},
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// Returns a connection with the state of its token refreshes, the last failure, and the start of the
    /// current state.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn connection(&self, dev_id: &DevId, user_id: UserId) -> Result<AdminConnection, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "connections", &user_id.to_string()]);
        self.read(Call::get(url)).await
    }

    /// Imports existing grants from another system: at most 500 per call and 1 MiB of JSON.
    ///
    /// The call is retried after a temporary failure. Connections that exist already are unchanged and counted
    /// as `kept`.
    ///
    /// # Errors
    ///
    /// See [`AdminError`]. A rejected connection is not an error: the response lists it.
    pub async fn import_connections(
        &self,
        dev_id: &DevId,
        import: &ImportConnections,
    ) -> Result<ImportedConnections, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "connections", "import"]);
        self.read(Call::post(url).json(import).repeatable()).await
    }

    /// Streams the connections of an environment, ordered by id. Pages are fetched on demand. The providers' tokens
    /// require the role `owner`.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error. It is [`Error::UnreadableResponse`](crate::Error::UnreadableResponse) if the
    /// server's pages do not advance.
    pub fn export_connections(
        &self,
        dev_id: &DevId,
        with_tokens: bool,
    ) -> impl Stream<Item = Result<PortableConnection, AdminError>> + Send + use<> {
        let (client, dev_id) = (self.clone(), dev_id.clone());
        let pages = stream::try_unfold(Some(None), move |after| {
            let (client, dev_id) = (client.clone(), dev_id.clone());
            async move {
                let Some(after) = after else { return Ok::<_, AdminError>(None) };
                let PortableConnections { connections, next } = client.export_page(&dev_id, after, with_tokens).await?;
                Ok(Some((connections, next.map(Some))))
            }
        });
        pages.map_ok(|connections| stream::iter(connections.into_iter().map(Ok))).try_flatten()
    }

    async fn export_page(
        &self,
        dev_id: &DevId,
        after: Option<UserId>,
        with_tokens: bool,
    ) -> Result<PortableConnections, AdminError> {
        let call = Call::get(self.url_for(["environments", dev_id.as_str(), "connections"])).large_response();
        let call = call.query("with_tokens", if with_tokens { "true" } else { "false" });
        let call = after.iter().fold(call, |call, after| call.query("after", &after.to_string()));
        let page: PortableConnections = self.inner.transport.read(&call).await?;
        let advances = page.next.is_none_or(|next| Some(next) > after);
        let endless = || self.inner.transport.unreadable(&call, &HeaderMap::new(), "the pages do not end");
        if advances { Ok(page) } else { Err(endless().into()) }
    }
}
