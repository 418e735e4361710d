//! The list of providers.

use askama::Template;
use url::Url;

use super::{Frame, Link, Page};

/// The page has a search field if there are more providers than this.
const SEARCH_ABOVE: usize = 8;

/// The maximum length of a search text, in characters. No provider's name is longer.
const MAX_QUERY: usize = 64;

/// The page with the providers that an end user can connect.
#[derive(Clone, Debug, Template)]
#[template(path = "widget/choose.html")]
pub struct Choose {
    /// Language and branding.
    pub frame: Frame,
    /// The latest result, shown above the list.
    pub notice: Option<Banner>,
    /// All providers of the session in display order. The page filters them by `query`.
    pub providers: Vec<ProviderChoice>,
    /// The search text, from the parameter `q` of this page. Empty shows all.
    pub query: String,
    /// The URL of this page without `q`, for the search form. Other query parameters remain.
    pub page: Link,
    /// The link or form that leaves the page.
    pub exit: Exit,
}

/// The link or form that leaves the list.
#[derive(Clone, Debug)]
pub enum Exit {
    /// Cancels the session. It is a form, because it changes state.
    Cancel {
        /// The URL of the form.
        form: Link,
        /// The redirect target of the response, if it leaves this origin.
        leads_to: Option<Url>,
    },
    /// Ends the session after a connection: a link to the app or, without a link, a hint to close the page.
    Continue(Option<Link>),
}

/// One provider of the list.
#[derive(Clone, Debug)]
pub struct ProviderChoice {
    /// The provider's name in the API, such as `FITBIT`. The search includes it.
    pub slug: String,
    /// The display name.
    pub name: String,
    /// The URL of a square image at our own origin.
    pub icon: Link,
    /// The link that starts the login.
    pub connect: Link,
    /// Whether there is a connection already. Another login renews it.
    pub connected: bool,
    /// The link to the [`Disconnect`](super::Disconnect) page, if the session allows it.
    pub disconnect: Option<Link>,
}

/// The result that is shown above the list. Each has the name of the provider.
#[derive(Clone, Debug)]
pub enum Banner {
    /// A connection was created, and the session allows more.
    Connected(String),
    /// The connection was removed.
    Disconnected(String),
    /// The connection could not be removed.
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
    fn a_search_matches_names_and_slugs_without_case_and_spaces() {
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
