use url::{Host, Url};

use crate::doctor::{Finding, context::Context, eye::Sight};

/// End users are sent nowhere unencrypted.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let given =
        context.redirects.iter().filter_map(|url| problem(url).map(|why| finding("--redirect-url", &bare(url), why)));
    let in_files = context.tree.seen.iter().filter_map(|(path, seen)| match &seen.sight {
        Sight::Redirect { name, url } => {
            let place = format!("{}:{}", path.display(), seen.line);
            problem(url).filter(|_| !is_nobodys(url)).map(|why| finding(&place, &format!("{name} {}", bare(url)), why))
        }
        Sight::Key { .. } | Sight::DeprecatedCall => None,
    });
    given.chain(in_files).collect()
}

fn finding(place: &str, url: &str, why: &str) -> Finding {
    let reason = format!("{url} {why}; the client refuses it, and so do servers");
    Finding::error(place, reason, "use https://, or a custom scheme that your app has registered")
}

/// Without what may be nobody's business.
fn bare(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    match url[..end].split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or(rest)),
        None => url[..end].to_owned(),
    }
}

/// Names that are reserved for texts and tests.
///
/// Source: RFC 2606, section 2 and 3.
fn is_nobodys(url: &str) -> bool {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let reserved = ["example", "test", "invalid", "example.com", "example.net", "example.org"];
    reserved.iter().any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// HTTP is fine on this machine only. The client judges other schemes when it is given them.
fn problem(url: &str) -> Option<&'static str> {
    let Ok(url) = Url::parse(url) else { return Some("is not an absolute URL") };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    (url.scheme() == "http" && !is_loopback).then_some("is not encrypted")
}
