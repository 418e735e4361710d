use futures_util::{Stream, TryStreamExt as _, stream};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use terra_auth_types::{
    UserId,
    wire::{Subscriptions, SubscriptionsPage, TerraUser},
};

use crate::{Client, Error, transport::Call};

/// Users asked for in one call.
const PER_PAGE: u32 = 500;

/// Ten million users; a server that goes on is broken.
const MOST_PAGES: u32 = 20_000;

impl Client {
    /// Every user of the environment, page by page as they are asked for.
    ///
    /// Users who connect or leave meanwhile may be missed or come twice.
    ///
    /// # Errors
    ///
    /// Ends with the first error, which is [`Error::UnreadableAnswer`] if the server repeats a page or never ends.
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
        let call = self.subscriptions_call(at.page, PER_PAGE);
        let page = match self.inner.transport.read(&call).await? {
            Answer::All(Subscriptions { users, .. }) => return Ok((users, None)),
            Answer::Nested { data } => data,
            Answer::Flat(page) => page,
        };
        let first = page.results.first().map(|user| user.user_id);
        let repeats = first.is_some() && first == at.first;
        match page.next {
            next if repeats || next.is_some_and(|next| next <= at.page || next > MOST_PAGES) => {
                Err(self.inner.transport.unreadable(&call, &HeaderMap::new(), "the pages of users do not end"))
            }
            next => Ok((page.results, next.map(|page| Cursor { page, first }))),
        }
    }

    pub(crate) fn subscriptions_call(&self, page: u32, per_page: u32) -> Call {
        let call = Call::get(self.inner.endpoints.api("subscriptions"));
        call.query("page", &page.to_string()).query("per_page", &per_page.to_string()).long_answer()
    }
}

/// Where the walk is, and with whom the page before began.
#[derive(Default)]
struct Cursor {
    page: u32,
    first: Option<UserId>,
}

/// July's contract nests a page, October's does not, and an older server knows no pages.
#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Nested { data: SubscriptionsPage },
    Flat(SubscriptionsPage),
    All(Subscriptions),
}
