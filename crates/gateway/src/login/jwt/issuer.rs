use terra_auth_core::redirect::is_loopback;
use url::Url;

/// Who signs the tokens.
#[derive(Clone)]
pub(crate) struct Issuer(Url);

impl Issuer {
    pub(crate) fn new(url: Url) -> Self {
        Self(url)
    }

    /// Whether `name` is the issuer's, to the letter. A URL without a path is kept with a slash, written or not: both count.
    pub(crate) fn is(&self, name: &str) -> bool {
        let own = self.0.as_str();
        name == own || (self.0.path() == "/" && own.strip_suffix('/') == Some(name))
    }

    /// Where the issuer describes itself.
    ///
    /// Source: `OpenID` Connect Discovery 1.0, section 4.
    pub(crate) fn discovery_url(&self) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/.well-known/openid-configuration", self.0.path().trim_end_matches('/')));
        url
    }

    /// Whether keys from `url` are as safe from others on the way as the issuer's own name is.
    pub(crate) fn may_publish_at(&self, url: &Url) -> bool {
        let is_local = |url: &Url| url.scheme() == "http" && is_loopback(url);
        url.scheme() == "https" || (is_local(url) && is_local(&self.0))
    }
}
