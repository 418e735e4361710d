//! The default redirect target of a widget session: a page of the gateway that closes its window.

use http::HeaderMap;
use terra_auth_types::redirect::{self, is_loopback};
use url::Url;

use super::page::DONE;

/// The URL of the page, as the browser reaches this gateway: `asked`, the URL from terra.js, or a URL derived from the request.
/// `None`, for the widget's own page, if neither is reliable.
pub(crate) fn landing(headers: &HeaderMap, tls: bool, asked: Option<&str>) -> Option<Url> {
    match asked {
        Some(asked) => redirect::check(&[], asked).ok().filter(|url| is_ours(url, headers)),
        None => of_request(headers, tls),
    }
}

/// Whether the URL is the page that closes itself, on this gateway: under the host of the request, or under the host of the
/// calling page if a proxy serves both and does not forward the host.
fn is_ours(url: &Url, headers: &HeaderMap) -> bool {
    let origin = url.origin().ascii_serialization();
    let host = origin.split_once("://").map(|(_, host)| host);
    let is_host = host.is_some_and(|host| text(headers, "host").is_some_and(|own| own.eq_ignore_ascii_case(host)));
    let is_page = text(headers, "origin") == Some(&*origin);
    url.path() == DONE && url.query().is_none() && url.fragment().is_none() && (is_host || is_page)
}

fn of_request(headers: &HeaderMap, tls: bool) -> Option<Url> {
    let host = text(headers, "host")?;
    let page: Option<Url> = text(headers, "origin").and_then(|origin| origin.parse().ok());
    let forwarded = text(headers, "x-forwarded-proto").map(|proto| proto.split(',').next().unwrap_or_default().trim());
    let at = |scheme: &str| format!("{scheme}://{host}{DONE}").parse::<Url>().ok();
    let local = at("http").is_some_and(|url| is_loopback(&url));
    let is_far_page = page.as_ref().is_some_and(|page| !is_loopback(page));
    let scheme = match forwarded {
        _ if local && is_far_page => return None, // a proxy does not forward the host
        _ if tls => "https",
        Some(scheme @ ("https" | "http")) => scheme,
        _ if local => "http",
        // An HTTPS page cannot call plain HTTP.
        _ if page.is_some_and(|page| page.scheme() == "https") => "https",
        _ => return None,
    };
    redirect::check(&[], at(scheme)?.as_str()).ok()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::landing;

    fn landed(headers: &[(&'static str, &'static str)], asked: Option<&str>) -> Option<String> {
        let parse = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        landing(&headers.iter().map(parse).collect::<HeaderMap>(), false, asked).map(|url| url.to_string())
    }

    const FAR: (&str, &str) = ("host", "gateway.example");
    const NEAR: (&str, &str) = ("host", "127.0.0.1:8790");

    #[test]
    fn the_last_page_has_the_url_by_which_the_browser_reaches_the_gateway() {
        let far = Some("https://gateway.example/api/terra/done".to_owned());
        let near = Some("http://127.0.0.1:8790/api/terra/done".to_owned());
        for (headers, expected) in [
            (&[FAR, ("origin", "https://app.example")][..], far.clone()),
            (&[FAR, ("x-forwarded-proto", "https")], far.clone()),
            (&[FAR, ("x-forwarded-proto", "http")], None),
            (&[FAR, ("origin", "http://localhost:3000")], None),
            (&[FAR], None),
            (&[NEAR], near.clone()),
            (&[NEAR, ("origin", "http://localhost:3000")], near),
            (&[NEAR, ("origin", "https://app.example")], None),
            (&[], None),
        ] {
            assert_eq!(landed(headers, None), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_caller_can_name_only_the_last_page_of_this_gateway() {
        let own = "https://gateway.example/api/terra/done";
        let app = ("origin", "https://app.example");
        assert_eq!(landed(&[FAR, app], Some(own)).as_deref(), Some(own));
        assert_eq!(landed(&[NEAR, ("origin", "https://gateway.example")], Some(own)).as_deref(), Some(own));
        for other in [
            "https://evil.example/api/terra/done",
            "https://gateway.example/elsewhere",
            "https://gateway.example/api/terra/done?next=1",
            "http://gateway.example/api/terra/done",
            "https://gateway.example:8443/api/terra/done",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(landed(&[FAR, app], Some(other)), None, "{other}");
        }
    }
}
