//! The common parts of all pages: branding, language and the frame of the document.

use std::borrow::Cow;

use askama::Template;
use fluent_bundle::{FluentArgs, FluentValue};
use url::Url;

use super::{Accent, Language, texts};

/// A page that can be sent with [`page_response`](super::page_response).
pub trait Page: Template {
    /// The language and branding of the page.
    fn frame(&self) -> &Frame;

    /// The heading of the page, which also starts the document's title.
    fn title(&self) -> String;

    /// The redirect target of a form on the page, if it has another origin. Chromium applies `form-action` to it.
    fn forms_lead_to(&self) -> Option<&Url> {
        None
    }
}

/// The language and branding of a page.
#[derive(Clone, Debug)]
pub struct Frame {
    /// The language of every text.
    pub language: Language,
    /// The branding; `None` if the environment is unknown.
    pub brand: Option<Brand>,
}

/// The branding of an environment.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The app's display name. It is untrusted, so the pages escape it. `None` shows "your app" in the page's language.
    pub name: Option<String>,
    /// The URL of the logo. It is shown only if a content security policy can express its origin.
    pub logo_url: Option<Url>,
    /// The colour of buttons; `None` is the default.
    pub accent: Option<Accent>,
}

impl Brand {
    /// The logo and the origin from which a browser may load it, such as `https://cdn.example`.
    ///
    /// The URL must be HTTPS, or HTTP on loopback. A host that could end a directive of the policy has no logo.
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
    /// The text `key`. Every text may use the variable `$app`, which is empty if the environment is unknown.
    pub(super) fn t(&self, key: &str) -> String {
        self.as_sentences(texts::format(self.language, key, &self.args()))
    }

    /// A text with the app as the target of a movement. Some languages inflect "your app" there.
    pub(super) fn t_to_app(&self, key: &str) -> String {
        if self.is_unnamed() { self.t(&format!("{key}.unnamed")) } else { self.t(key) }
    }

    /// The name of the app, outside a sentence.
    pub(super) fn app_name(&self) -> String {
        self.as_sentences(self.name_in_text().into_owned())
    }

    /// The text `key` with one more variable.
    pub(super) fn t_with<'a>(&'a self, key: &str, name: &'a str, value: impl Into<FluentValue<'a>>) -> String {
        let mut args = self.args();
        args.set(name, value);
        self.as_sentences(texts::format(self.language, key, &args))
    }

    pub(super) fn logo(&self) -> Option<&Url> {
        self.brand.as_ref()?.logo().map(|(url, _)| url)
    }

    pub(super) fn theme(&self) -> Option<String> {
        Some(self.brand.as_ref()?.accent?.stylesheet_path())
    }

    fn args(&self) -> FluentArgs<'_> {
        let mut args = FluentArgs::new();
        if self.brand.is_some() {
            args.set("app", self.name_in_text());
        }
        args
    }

    fn is_unnamed(&self) -> bool {
        self.brand.as_ref().is_some_and(|brand| brand.name.is_none())
    }

    fn name_in_text(&self) -> Cow<'_, str> {
        match &self.brand {
            Some(Brand { name: Some(name), .. }) => Cow::Borrowed(name),
            Some(_) => Cow::Owned(texts::format(self.language, "app-unnamed", &FluentArgs::new())),
            None => Cow::Borrowed(""),
        }
    }

    /// Capitalizes "your app" at the start of a sentence. A name does not change.
    fn as_sentences(&self, text: String) -> String {
        if !self.is_unnamed() {
            return text;
        }
        let name = self.name_in_text();
        let mut letters = name.chars();
        let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
        let text = text.replace(&format!(". {name}"), &format!(". {capital}"));
        text.strip_prefix(&*name).map_or(text.clone(), |rest| format!("{capital}{rest}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Brand;

    fn logo_origin(url: &str) -> Option<String> {
        let brand = Brand { name: None, logo_url: Some(url.parse().expect("a URL")), accent: None };
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
