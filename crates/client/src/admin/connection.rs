use futures_util::{Stream, TryStreamExt as _, stream};
use reqwest::header::HeaderMap;
use terra_auth_types::{
    DevId, UserId,
    wire::admin::{AdminConnection, ImportConnections, ImportedConnections, PortableConnection, PortableConnections},
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

impl AdminClient {
    /// How a connection stands: whether its tokens are refreshed, what went wrong last, and since when it works.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn connection(&self, dev_id: &DevId, user_id: UserId) -> Result<AdminConnection, AdminError> {
        let url = self.at(["environments", dev_id.as_str(), "connections", &user_id.to_string()]);
        self.read(Call::get(url)).await
    }

    /// Takes over existing grants from another system, at most 500 at once and 1 MiB of JSON.
    ///
    /// It is repeated after a failure that may pass: what is there already stays as it is, and is counted as kept.
    ///
    /// # Errors
    ///
    /// See [`AdminError`]. A connection that does not fit is no error: the answer names it.
    pub async fn import_connections(
        &self,
        dev_id: &DevId,
        import: &ImportConnections,
    ) -> Result<ImportedConnections, AdminError> {
        let url = self.at(["environments", dev_id.as_str(), "connections", "import"]);
        self.read(Call::post(url).json(import).repeatable()).await
    }

    /// Every connection of an environment, by id, page by page as they are asked for; with the providers' tokens for
    /// owners.
    ///
    /// # Errors
    ///
    /// Ends with the first error, which is [`Error::UnreadableAnswer`](crate::Error::UnreadableAnswer) if the server does
    /// not go on from one to the next.
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
        let call = Call::get(self.at(["environments", dev_id.as_str(), "connections"])).long_answer();
        let call = call.query("with_tokens", if with_tokens { "true" } else { "false" });
        let call = after.iter().fold(call, |call, after| call.query("after", &after.to_string()));
        let page: PortableConnections = self.inner.transport.read(&call).await?;
        let goes_on = page.next.is_none_or(|next| Some(next) > after);
        let endless = || self.inner.transport.unreadable(&call, &HeaderMap::new(), "the pages do not end");
        if goes_on { Ok(page) } else { Err(endless().into()) }
    }
}
