//! What all pages share: the environment's look, the language and the frame of the document.

use askama::Template;
use fluent_bundle::{FluentArgs, FluentValue};
use url::Url;

use super::{Accent, Language, texts};

/// A page that can be sent with [`page_response`](super::page_response).
pub trait Page: Template {
    /// The language and the look of the page.
    fn frame(&self) -> &Frame;

    /// The page's one heading, which also begins the document's title.
    fn title(&self) -> String;

    /// Where the answer to a form of the page leads, if it leads away from us. Chromium applies `form-action` to it.
    fn forms_lead_to(&self) -> Option<&Url> {
        None
    }
}

/// The language of a page and whose page it is.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The language of every text.
    pub language: Language,
    /// The environment's look; absent where the environment is not known.
    pub brand: Option<Brand>,
}

/// How an environment presents itself to end users.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The app's display name. Untrusted: the pages escape it.
    pub name: String,
    /// Where browsers get the logo from. Shown only when its origin can be named in a content security policy.
    pub logo_url: Option<Url>,
    /// The colour of buttons; ours when absent.
    pub accent: Option<Accent>,
}

impl Brand {
    /// The logo and the one origin a browser may load it from, as in `https://cdn.example`.
    ///
    /// HTTPS anywhere, HTTP on loopback. A host that could end a directive of the policy it is written into has no logo.
    pub(super) fn logo(&self) -> Option<(&Url, String)> {
        let url = self.logo_url.as_ref()?;
        let host = url.host_str()?;
        let loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.[]:".contains(&byte));
        let allowed = url.scheme() == "https" || (url.scheme() == "http" && loopback);
        (plain && allowed).then(|| (url, url.origin().ascii_serialization()))
    }
}

impl Frame {
    /// The text `key`. Every text may use the variable `$app`; it is empty where the environment is not known.
    pub(super) fn t(&self, key: &str) -> String {
        texts::format(self.language, key, &self.args())
    }

    /// The text `key` with one variable more.
    pub(super) fn t_with<'a>(&'a self, key: &str, name: &'a str, value: impl Into<FluentValue<'a>>) -> String {
        let mut args = self.args();
        args.set(name, value);
        texts::format(self.language, key, &args)
    }

    pub(super) fn logo(&self) -> Option<&Url> {
        self.brand.as_ref()?.logo().map(|(url, _)| url)
    }

    pub(super) fn theme(&self) -> Option<String> {
        Some(self.brand.as_ref()?.accent?.stylesheet_path())
    }

    fn args(&self) -> FluentArgs<'_> {
        let mut args = FluentArgs::new();
        if let Some(brand) = &self.brand {
            args.set("app", brand.name.as_str());
        }
        args
    }
}

#[cfg(test)]
mod tests {
    use super::Brand;

    fn logo_origin(url: &str) -> Option<String> {
        let brand = Brand { name: String::new(), logo_url: Some(url.parse().expect("a URL")), accent: None };
        brand.logo().map(|(_, origin)| origin)
    }

    #[test]
    fn a_logo_comes_from_one_origin() {
        assert_eq!(logo_origin("https://cdn.example/a/logo.png?v=1").as_deref(), Some("https://cdn.example"));
        assert_eq!(logo_origin("https://cdn.example:8443/logo.png").as_deref(), Some("https://cdn.example:8443"));
        assert_eq!(logo_origin("http://127.0.0.1:9000/logo.png").as_deref(), Some("http://127.0.0.1:9000"));
    }

    #[test]
    fn a_logo_cannot_widen_the_policy() {
        for url in [
            "http://cdn.example/logo.png",
            "https://a;sandbox/",
            "https://a,b/",
            "https://*/",
            "https://'self'/",
            "data:image/png;base64,AAAA",
            "javascript:alert(1)",
            "file:///etc/passwd",
        ] {
            assert_eq!(logo_origin(url), None, "{url}");
        }
    }
}
