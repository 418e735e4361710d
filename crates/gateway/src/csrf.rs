//! Protection against cross-site requests: a browser sends cookies with requests of any page, so
//! this checks which page sent the request.

use http::{HeaderMap, HeaderValue, Method, header};

/// The request comes from another site's page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request comes from another site's page; add its origin to cors.allowed_origins if it is yours")]
pub(crate) struct CrossSite;

/// Rejects state-changing requests that a page of another site makes a browser send. It is meant
/// for callers whose credentials the browser sends by itself, such as a cookie. `allowed_origins`
/// have the form `https://app.example`.
///
/// Safe methods pass, because no other page can read the response. A request with neither header
/// does not come from a browser.
///
/// Source: `Origin` is RFC 6454, `Sec-Fetch-Site` is W3C Fetch Metadata.
pub(crate) fn check(method: &Method, headers: &HeaderMap, allowed_origins: &[HeaderValue]) -> Result<(), CrossSite> {
    let origin = headers.get(header::ORIGIN);
    let own_page = match headers.get("sec-fetch-site") {
        Some(site) => site == "same-origin" || site == "none",
        None => {
            origin.is_none_or(|origin| origin.to_str().is_ok_and(|origin| is_own(origin, headers.get(header::HOST))))
        }
    };
    let allowed = origin.is_some_and(|origin| allowed_origins.contains(origin));
    if method.is_safe() || own_page || allowed { Ok(()) } else { Err(CrossSite) }
}

/// Whether a page of `origin` called the gateway under the page's own host. The scheme is not
/// compared: a proxy may terminate TLS.
pub(crate) fn is_own(origin: &str, host: Option<&HeaderValue>) -> bool {
    let Some(Ok(host)) = host.map(HeaderValue::to_str) else { return false };
    let name = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    name.is_some_and(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue, Method};

    use super::{CrossSite, check};

    const HOST: (&str, &str) = ("host", "api.example");
    const APP: (&str, &str) = ("origin", "https://app.example");
    const EVIL: (&str, &str) = ("origin", "https://evil.example");

    fn posted(headers: &[(&'static str, &'static str)]) -> bool {
        sent(&Method::POST, headers).is_ok()
    }

    fn sent(method: &Method, headers: &[(&'static str, &'static str)]) -> Result<(), CrossSite> {
        let parsed = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers: HeaderMap = headers.iter().map(parsed).collect();
        check(method, &headers, &[HeaderValue::from_static("https://app.example")])
    }

    #[test]
    fn a_page_of_the_app_may_post_and_another_sites_may_not() {
        let site = |value| ("sec-fetch-site", value);
        let own = |value| ("origin", value);
        for (headers, may) in [
            // Not a browser.
            (vec![HOST], true),
            // A browser that sends `Sec-Fetch-Site`.
            (vec![HOST, site("same-origin")], true),
            (vec![HOST, site("same-origin"), own("https://api.example")], true),
            (vec![HOST, site("none")], true),
            (vec![HOST, site("same-site")], false),
            (vec![HOST, site("cross-site")], false),
            (vec![HOST, site("cross-site"), EVIL], false),
            (vec![HOST, site("cross-site"), APP], true),
            (vec![HOST, site("same-site"), APP], true),
            (vec![HOST, site("anything")], false),
            // The same host without TLS is another site, and the browser reports it.
            (vec![HOST, site("cross-site"), own("http://api.example")], false),
            // An older browser.
            (vec![HOST, APP], true),
            (vec![HOST, EVIL], false),
            (vec![HOST, own("https://api.example")], true),
            (vec![HOST, own("http://api.example")], true),
            (vec![HOST, own("https://API.example")], true),
            (vec![HOST, own("https://api.example:8443")], false),
            (vec![HOST, own("https://api.example.evil.example")], false),
            (vec![HOST, own("https://app.example:8443")], false),
            (vec![HOST, own("https://app.example.evil.example")], false),
            (vec![HOST, own("http://app.example")], false),
            (vec![HOST, own("null")], false),
            (vec![("host", "null"), own("null")], false),
            (vec![HOST, own("")], false),
            (vec![own("https://api.example")], false),
        ] {
            assert_eq!(posted(&headers), may, "{headers:?}");
        }
    }

    #[test]
    fn only_safe_methods_pass_from_any_site() {
        for (method, passes) in [
            (Method::GET, true),
            (Method::HEAD, true),
            (Method::OPTIONS, true),
            (Method::POST, false),
            (Method::PUT, false),
            (Method::PATCH, false),
            (Method::DELETE, false),
        ] {
            assert_eq!(sent(&method, &[HOST, EVIL]).is_ok(), passes, "{method}");
        }
    }
}
