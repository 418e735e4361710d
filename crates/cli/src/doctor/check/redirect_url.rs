use url::{Host, Url};

use crate::doctor::{Finding, context::Context, secret_scanner::MatchKind};

/// Checks that end users are never redirected to an unencrypted URL.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let given = context
        .redirects
        .iter()
        .filter_map(|url| problem(url).map(|why| finding("--redirect-url", &without_secrets(url), why)));
    let in_files = context.tree.matches.iter().filter_map(|(path, found)| match &found.key_match {
        MatchKind::Redirect { name, url } => {
            let location = format!("{}:{}", path.display(), found.line);
            problem(url)
                .filter(|_| !is_reserved(url))
                .map(|why| finding(&location, &format!("{name} {}", without_secrets(url)), why))
        }
        MatchKind::Key { .. } | MatchKind::DeprecatedCall => None,
    });
    given.chain(in_files).collect()
}

fn finding(location: &str, url: &str, why: &str) -> Finding {
    let reason = format!("{url} {why}; the client and the servers reject it");
    Finding::error(location, reason, "use https://, or a custom scheme that your app has registered")
}

/// The URL without user information, query and fragment, which may contain secrets.
fn without_secrets(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    match url[..end].split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or(rest)),
        None => url[..end].to_owned(),
    }
}

/// Whether the host is a name that is reserved for documentation and tests.
///
/// Source: RFC 2606, section 2 and 3.
fn is_reserved(url: &str) -> bool {
    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    let reserved = ["example", "test", "invalid", "example.com", "example.net", "example.org"];
    reserved.iter().any(|name| host.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')))
}

/// The problem of a URL. HTTP is allowed on this machine only. The client checks other schemes itself.
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
