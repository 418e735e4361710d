use futures_util::{Stream, TryStreamExt as _, stream};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use terra_auth_types::{
    DevId, EventId,
    wire::admin::{
        AdminDeliveries, AdminDelivery, AdminEvent, DeliveryParams, ReplayDeliveries, ReplayedDeliveries,
        TriggeredEvent,
    },
};

use super::{AdminClient, AdminError};
use crate::transport::Call;

/// Maximum number of deliveries per call.
const DELIVERY_PAGE_SIZE: u32 = 500;

impl AdminClient {
    /// Streams the deliveries of an environment that match `params`, newest event first. Pages are fetched on demand.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error. It is [`Error::UnreadableResponse`](crate::Error::UnreadableResponse) if the
    /// server's pages do not advance.
    pub fn deliveries(
        &self,
        dev_id: &DevId,
        params: DeliveryParams,
    ) -> impl Stream<Item = Result<AdminDelivery, AdminError>> + Send + use<> {
        let (client, dev_id) = (self.clone(), dev_id.clone());
        let pages = stream::try_unfold(Some(params.after.clone()), move |after| {
            let (client, dev_id, params) = (client.clone(), dev_id.clone(), params.clone());
            async move {
                let Some(after) = after else { return Ok::<_, AdminError>(None) };
                let AdminDeliveries { deliveries, next } = client.delivery_page(&dev_id, &params, after).await?;
                Ok(Some((deliveries, next.map(Some))))
            }
        });
        pages.map_ok(|deliveries| stream::iter(deliveries.into_iter().map(Ok))).try_flatten()
    }

    async fn delivery_page(
        &self,
        dev_id: &DevId,
        params: &DeliveryParams,
        after: Option<String>,
    ) -> Result<AdminDeliveries, AdminError> {
        let limit = params.limit.unwrap_or(DELIVERY_PAGE_SIZE);
        let params = json!(DeliveryParams { after: after.clone(), limit: Some(limit), ..params.clone() });
        let call = Call::get(self.url_for(["environments", dev_id.as_str(), "deliveries"])).large_response();
        let call = params.as_object().into_iter().flatten().fold(call, |call, (name, value)| match value {
            Value::Null => call,
            Value::String(text) => call.query(name, text),
            other => call.query(name, &other.to_string()),
        });
        let page: AdminDeliveries = self.inner.transport.read(&call).await?;
        let advances = page.next.is_none() || (page.next != after && !page.deliveries.is_empty());
        let endless = || self.inner.transport.unreadable(&call, &HeaderMap::new(), "the pages do not end");
        if advances { Ok(page) } else { Err(endless().into()) }
    }

    /// Returns an event with its deliveries and attempts.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn event(&self, dev_id: &DevId, event_id: EventId) -> Result<AdminEvent, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "events", &event_id.to_string()]);
        Ok(self.inner.transport.read(&Call::get(url).large_response()).await?)
    }

    /// Triggers a test event with this body.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn trigger_event(&self, dev_id: &DevId, payload: &Value) -> Result<TriggeredEvent, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "events"]);
        Ok(self.inner.transport.read(&Call::post(url).json(&json!({ "payload": payload }))).await?)
    }

    /// Sends deliveries again, or counts them with `dry_run`.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn replay_deliveries(
        &self,
        dev_id: &DevId,
        replay: &ReplayDeliveries,
    ) -> Result<ReplayedDeliveries, AdminError> {
        let url = self.url_for(["environments", dev_id.as_str(), "deliveries", "replay"]);
        Ok(self.inner.transport.read(&Call::post(url).json(replay)).await?)
    }
}
