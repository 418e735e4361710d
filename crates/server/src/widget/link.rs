//! The target of a link.

use std::fmt;

use terra_auth_types::redirect;
use url::Url;

/// The target of a link: a path of this server, or an external URL whose scheme cannot run code in our page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// A path that this server has built, such as `/session/…/connect/FITBIT`.
    #[must_use]
    pub fn path(path: impl Into<String>) -> Self {
        Self(path.into())
    }

    /// A URL that an app chose, including deep links. `None` for `javascript:` and similar schemes.
    #[must_use]
    pub fn external(url: &Url) -> Option<Self> {
        (!redirect::is_executable_scheme(url.scheme())).then(|| Self(url.to_string()))
    }

    /// The path and the pairs of the query. A GET form needs the pairs as hidden fields.
    pub(super) fn parts(&self) -> (&str, Vec<(String, String)>) {
        let (path, query) = self.0.split_once('?').unwrap_or((&self.0, ""));
        (path, url::form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Link;

    fn external(url: &str) -> Option<String> {
        Link::external(&url.parse().expect("a URL")).map(|link| link.to_string())
    }

    #[test]
    fn an_app_may_be_reached_by_https_and_by_deep_link() {
        assert_eq!(external("https://app.example/back?a=1").as_deref(), Some("https://app.example/back?a=1"));
        assert_eq!(external("acme://connected").as_deref(), Some("acme://connected"));
    }

    #[test]
    fn a_link_cannot_run_anything() {
        for url in ["javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "data:text/html,x", "blob:x"]
        {
            assert_eq!(external(url), None, "{url}");
        }
    }

    #[test]
    fn a_query_is_kept_as_pairs() {
        let link = Link::path("/session/1?secret=a%26b&x=");
        assert_eq!(link.parts(), ("/session/1", vec![("secret".into(), "a&b".into()), ("x".into(), String::new())]));
    }
}
