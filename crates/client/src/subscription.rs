use futures_util::{Stream, TryStreamExt as _, stream};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use terra_auth_types::{
    UserId,
    wire::{Subscriptions, SubscriptionsPage, TerraUser},
};

use crate::{Client, Error, transport::Call};

/// Maximum number of users per call.
const USER_PAGE_SIZE: u32 = 500;

/// Enough for ten million users. A server with more pages is broken.
const MAX_PAGES: u32 = 20_000;

impl Client {
    /// Streams all users of the environment. Pages are fetched on demand.
    ///
    /// Users who connect or disconnect meanwhile may be missing or appear twice.
    ///
    /// # Errors
    ///
    /// The stream ends with the first error. It is [`Error::UnreadableResponse`] if the server repeats a page or
    /// its pages do not end.
    ///
    /// Source: "Subscriptions" in `docs/compatibility.md`.
    pub fn subscriptions(&self) -> impl Stream<Item = Result<TerraUser, Error>> + Send + use<> {
        let client = self.clone();
        let pages = stream::try_unfold(Some(Cursor::default()), move |cursor| {
            let client = client.clone();
            async move {
                let Some(cursor) = cursor else { return Ok(None) };
                client.subscriptions_page(cursor).await.map(Some)
            }
        });
        pages.map_ok(|users| stream::iter(users.into_iter().map(Ok))).try_flatten()
    }

    async fn subscriptions_page(&self, at: Cursor) -> Result<(Vec<TerraUser>, Option<Cursor>), Error> {
        let call = self.subscriptions_call(at.page, USER_PAGE_SIZE);
        let page = match self.inner.transport.read(&call).await? {
            Page::All(Subscriptions { users, .. }) => return Ok((users, None)),
            Page::Nested { data } => data,
            Page::Flat(page) => page,
        };
        let first = page.results.first().map(|user| user.user_id);
        let repeats = first.is_some() && first == at.first;
        match page.next {
            next if repeats || next.is_some_and(|next| next <= at.page || next > MAX_PAGES) => {
                Err(self.inner.transport.unreadable(&call, &HeaderMap::new(), "the pages of users do not end"))
            }
            next => Ok((page.results, next.map(|page| Cursor { page, first }))),
        }
    }

    pub(crate) fn subscriptions_call(&self, page: u32, per_page: u32) -> Call {
        let call = Call::get(self.inner.endpoints.api("subscriptions"));
        call.query("page", &page.to_string()).query("per_page", &per_page.to_string()).large_response()
    }
}

/// The number of the next page, and the first user of the previous page.
#[derive(Default)]
struct Cursor {
    page: u32,
    first: Option<UserId>,
}

/// The contract of July nests a page, the contract of October does not, and older servers have no pages.
#[derive(Deserialize)]
#[serde(untagged)]
enum Page {
    Nested { data: SubscriptionsPage },
    Flat(SubscriptionsPage),
    All(Subscriptions),
}
