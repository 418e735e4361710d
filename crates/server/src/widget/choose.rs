//! The first page: which provider?

use askama::Template;
use url::Url;

use super::{Frame, Link, Page};

/// With more providers than this, the page offers a search.
const SEARCH_ABOVE: usize = 8;

/// Longest search that is looked at, in characters; no provider's name is longer.
const MAX_QUERY: usize = 64;

/// The list of providers an end user may connect.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/choose.html")]
pub struct Choose {
    /// Language and look.
    pub frame: Frame,
    /// The latest result, shown above the list.
    pub notice: Option<Banner>,
    /// All providers of the session in the order to show them; the page filters them by `query` itself.
    pub providers: Vec<ProviderChoice>,
    /// The end user's search text: the parameter `q` of this page; empty shows all.
    pub query: String,
    /// This page without `q`: where the search goes, other query parameters are kept.
    pub page: Link,
    /// The way out.
    pub exit: Exit,
}

/// The way out of the list.
#[derive(Clone, Debug)]
pub enum Exit {
    /// For an end user who wants none of them: a form, as it changes something.
    Cancel {
        /// Where the form is posted.
        form: Link,
        /// Where its answer leads, if it leads away at once.
        leads_to: Option<Url>,
    },
    /// For one who has connected something here: back to the app, or, without a link, to close the page.
    Continue(Option<Link>),
}

/// One provider of the list.
#[derive(Clone, Debug)]
pub struct ProviderChoice {
    /// The provider's name on the wire, as in `FITBIT`; searched too.
    pub slug: String,
    /// The name people know.
    pub name: String,
    /// A square image, at our own origin.
    pub icon: Link,
    /// Begins the login at the provider.
    pub connect: Link,
    /// There is a connection already; connecting again renews it.
    pub connected: bool,
    /// The [`Disconnect`](super::Disconnect) page, where the session allows it.
    pub disconnect: Option<Link>,
}

/// The event before the list was shown again. Each names the provider.
#[derive(Clone, Debug)]
pub enum Banner {
    /// A connection was made, and the session allows more.
    Connected(String),
    /// The connection is gone.
    Disconnected(String),
    /// The connection could not be removed and is still there.
    StillConnected(String),
}

impl Page for Choose {
    fn frame(&self) -> &Frame {
        &self.frame
    }

    fn title(&self) -> String {
        self.frame.t("choose-title")
    }

    fn forms_lead_to(&self) -> Option<&Url> {
        match &self.exit {
            Exit::Cancel { leads_to, .. } => leads_to.as_ref(),
            Exit::Continue(_) => None,
        }
    }
}

impl Choose {
    fn query(&self) -> &str {
        let query = self.query.trim();
        query.char_indices().nth(MAX_QUERY).map_or(query, |(end, _)| &query[..end])
    }

    fn has_search(&self) -> bool {
        self.providers.len() > SEARCH_ABOVE || !self.query().is_empty()
    }

    fn found(&self) -> Vec<&ProviderChoice> {
        let query = simplify(self.query());
        let fits = |text: &str| simplify(text).contains(&query);
        self.providers.iter().filter(|provider| fits(&provider.name) || fits(&provider.slug)).collect()
    }

    fn notice_text(&self) -> Option<String> {
        let (key, provider) = match self.notice.as_ref()? {
            Banner::Connected(provider) => ("notice-connected", provider),
            Banner::Disconnected(provider) => ("notice-disconnected", provider),
            Banner::StillConnected(provider) => ("notice-still-connected", provider),
        };
        Some(self.frame.t_with(key, "provider", provider.as_str()))
    }
}

/// Letters and digits in lower case, so that `google fit` finds `GOOGLE_FIT` and `Google Fit`.
fn simplify(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use crate::widget::samples;

    fn found(query: &str) -> Vec<String> {
        let mut page = samples::choose(samples::frame());
        query.clone_into(&mut page.query);
        page.found().into_iter().map(|provider| provider.name.clone()).collect()
    }

    #[test]
    fn a_search_looks_at_names_and_slugs_and_forgives_case_and_spaces() {
        assert_eq!(found("fit"), ["Fitbit", "Google Fit"]);
        assert_eq!(found("  GOOGLE-fit "), ["Google Fit"]);
        assert_eq!(found("oura"), ["Oura"]);
        assert!(found("").len() > 8);
        assert!(found("nothing like it").is_empty());
    }

    #[test]
    fn a_search_is_cut_between_characters() {
        let mut page = samples::choose(samples::frame());
        page.query = "é".repeat(500);
        assert_eq!(page.query().chars().count(), super::MAX_QUERY);
    }

    #[test]
    fn a_search_is_offered_above_eight_providers_or_while_searching() {
        let mut page = samples::choose(samples::frame());
        page.providers.truncate(9);
        assert!(page.has_search());
        page.providers.truncate(8);
        assert!(!page.has_search());
        page.query = "fit".into();
        assert!(page.has_search());
    }
}
