//! Redirect targets of the widget: the rules for allowed targets, and the parameters that are added.

use percent_encoding::percent_decode_str;
use url::{Host, Url};

use crate::{Provider, ReferenceId, UserId};

/// Why a redirect target is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// The text is not an absolute URL.
    #[error("not an absolute URL")]
    NotAUrl,
    /// The URL is plain HTTP and does not point to this machine.
    #[error("must be https (http is for loopback only)")]
    NotHttps,
    /// The scheme is neither typical for an app nor on the allow-list.
    #[error(
        "this scheme is not allowed: use https, a scheme in reverse domain order such as com.example.app, or name the \
         scheme on the redirect allow-list"
    )]
    Scheme,
    /// The URL contains a user name or password.
    #[error("must not contain a user name or password")]
    UserInfo,
    /// The environment has an allow-list, and the URL is not on it.
    #[error("not on this environment's redirect allow-list")]
    NotAllowed,
}

/// Checks a redirect target. It must be `https`, `http` on loopback, or an app's own scheme (a deep link), and
/// it must be on the allow-list or below a URL on it. An empty list allows all hosts.
///
/// An app's own scheme contains a dot (reverse domain order, RFC 8252, section 7.1) or is on the allow-list.
/// Any other scheme may belong to a program that executes or reads the URL.
///
/// # Errors
///
/// See [`RedirectError`].
pub fn check(allow_list: &[Url], text: &str) -> Result<Url, RedirectError> {
    let url = Url::parse(text).map_err(|_| RedirectError::NotAUrl)?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(RedirectError::NotHttps),
        scheme if is_app_scheme(scheme, allow_list) => {}
        _ => return Err(RedirectError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RedirectError::UserInfo);
    }
    if !allow_list.is_empty() && (leaves_its_path(&url) || !allow_list.iter().any(|prefix| is_below(prefix, &url))) {
        return Err(RedirectError::NotAllowed);
    }
    Ok(url)
}

/// Whether a URL can be an entry of an allow-list. Queries and fragments are not compared, so an entry must
/// have none.
#[must_use]
pub fn is_allow_list_entry(url: &Url) -> bool {
    url.query().is_none() && url.fragment().is_none() && !is_executable_scheme(url.scheme()) && !leaves_its_path(url)
}

/// Whether a browser executes or displays the content of URLs with this scheme. An allow-list cannot contain
/// such a scheme.
#[must_use]
pub fn is_executable_scheme(scheme: &str) -> bool {
    const SCHEMES: [&str; 8] = ["javascript", "data", "vbscript", "file", "blob", "about", "view-source", "filesystem"];
    SCHEMES.contains(&scheme)
}

fn is_app_scheme(scheme: &str, allow_list: &[Url]) -> bool {
    let is_listed = allow_list.iter().any(|entry| entry.scheme() == scheme);
    !is_executable_scheme(scheme) && (scheme.contains('.') || is_listed)
}

/// Whether a server could resolve the path to a location outside of it: a segment which, fully
/// decoded and without its parameters, is a dot segment or contains a separator or a control character.
fn leaves_its_path(url: &Url) -> bool {
    url.path().split('/').any(|segment| {
        let decoded = fully_decoded(segment);
        let name = decoded.split(';').next().unwrap_or_default();
        matches!(name, "." | "..") || decoded.contains(['/', '\\']) || decoded.chars().any(char::is_control)
    })
}

/// Decodes a segment until it does not change any more: some proxies and frameworks decode more than once.
fn fully_decoded(segment: &str) -> String {
    let mut text = segment.to_owned();
    loop {
        let decoded = percent_decode_str(&text).decode_utf8_lossy().into_owned();
        if decoded == text {
            return text;
        }
        text = decoded;
    }
}

/// Whether the URL's host is this machine, independent of name resolution.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn is_below(prefix: &Url, url: &Url) -> bool {
    let same_origin = prefix.scheme() == url.scheme()
        && prefix.host_str() == url.host_str()
        && prefix.port_or_known_default() == url.port_or_known_default();
    let below = url.path().strip_prefix(prefix.path().trim_end_matches('/'));
    same_origin && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Adds the published parameters of a success: `user_id`, `reference_id` (the text `null` for none), `resource`.
///
/// Source: "Redirect parameters" in `docs/compatibility.md`.
pub fn with_success(url: &Url, user_id: UserId, reference_id: Option<&ReferenceId>, provider: &Provider) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut()
        .append_pair("user_id", &user_id.to_string())
        .append_pair("reference_id", reference_id.map_or("null", ReferenceId::as_str))
        .append_pair("resource", provider.as_str());
    url
}

/// Adds `reference_id`, `resource` (if a provider was chosen) and `reason`. Terra publishes no parameters for
/// failures.
pub fn with_failure(url: &Url, reference_id: Option<&ReferenceId>, provider: Option<&Provider>, reason: &str) -> Url {
    let mut url = url.clone();
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("reference_id", reference_id.map_or("null", ReferenceId::as_str));
        if let Some(provider) = provider {
            pairs.append_pair("resource", provider.as_str());
        }
        pairs.append_pair("reason", reason);
    }
    url
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::{RedirectError, check, is_allow_list_entry, with_success};

    #[test]
    fn safe_targets_pass() {
        for url in [
            "https://a.example/x?y=1",
            "http://localhost:3000/",
            "http://127.0.0.1/x",
            "http://[::1]/",
            "com.acme.app:/done",
        ] {
            assert!(check(&[], url).is_ok(), "{url}");
        }
    }

    #[test]
    fn each_unsafe_target_has_its_own_error() {
        for (url, error) in [
            ("/relative", RedirectError::NotAUrl),
            ("http://a.example/", RedirectError::NotHttps),
            ("http://localhost.evil.example/", RedirectError::NotHttps),
            ("javascript:alert(1)", RedirectError::Scheme),
            ("JaVaScRiPt:alert(1)", RedirectError::Scheme),
            ("data:text/html,x", RedirectError::Scheme),
            ("https://user:pw@a.example/", RedirectError::UserInfo),
        ] {
            assert_eq!(check(&[], url), Err(error), "{url}");
        }
    }

    #[test]
    fn a_scheme_of_another_program_needs_the_allow_list() {
        let listed: [Url; 2] = ["acme://done".parse().unwrap(), "data:text/html,x".parse().unwrap()];
        let schemes = ["ms-msdt:/id", "search-ms:query=x", "intent://x", "jar:https://a.example", "smb://a/b", "tel:1"];
        for url in schemes.into_iter().chain(["acme://done", "feed:javascript:x", "vscode://x", "mailto:a@b.example"]) {
            assert_eq!(check(&[], url), Err(RedirectError::Scheme), "{url}");
        }
        assert!(check(&listed, "acme://done").is_ok());
        assert_eq!(check(&listed, "data:text/html,x"), Err(RedirectError::Scheme), "a browser executes it");
    }

    #[test]
    fn a_path_cannot_escape_the_allow_list_however_a_server_decodes_it() {
        let allowed: [Url; 1] = ["https://a.example/cb".parse().unwrap()];
        for path in
            ["..;/evil", "..%2fevil", "..%5cevil", "..%00/evil", "%252e%252e/evil", "..%3b/evil", "x/.;a=b/y", "a%0d"]
        {
            let url = format!("https://a.example/cb/{path}");
            assert_eq!(check(&allowed, &url), Err(RedirectError::NotAllowed), "{url}");
        }
        for path in ["done", "a..b", "...", "a%20b", "x;v=1"] {
            assert!(check(&allowed, &format!("https://a.example/cb/{path}")).is_ok(), "{path}");
        }
    }

    #[test]
    fn an_allow_list_entry_has_no_part_that_is_not_compared() {
        let fits = |url: &str| is_allow_list_entry(&url.parse().unwrap());
        assert!(fits("https://a.example/cb") && fits("acme://done"));
        for url in ["https://a.example/cb?x=1", "https://a.example/#x", "javascript:x", "https://a.example/..%2f"] {
            assert!(!fits(url), "{url}");
        }
    }

    #[test]
    fn an_allow_list_matches_complete_segments_of_one_origin() {
        let allowed: [Url; 1] = ["https://a.example/app".parse().unwrap()];
        for url in ["https://a.example/app", "https://a.example/app/done?x=1", "https://a.example:443/app/"] {
            assert!(check(&allowed, url).is_ok(), "{url}");
        }
        for url in [
            "https://a.example/",
            "https://a.example/application",
            "https://b.example/app",
            "https://a.example:8443/app",
            "https://a.example/app/../x",
        ] {
            assert_eq!(check(&allowed, url), Err(RedirectError::NotAllowed), "{url}");
        }
    }

    #[test]
    fn parameters_follow_what_the_url_already_has() {
        let user = "23dc2540-7139-44c6-8158-f81196e2cf2e".parse().unwrap();
        let provider = "FITBIT".parse().unwrap();
        let reference = "a b&c".parse().unwrap();
        let url =
            with_success(&"com.acme.app://done?auth=success#top".parse().unwrap(), user, Some(&reference), &provider);
        assert_eq!(
            url.as_str(),
            "com.acme.app://done?auth=success&user_id=23dc2540-7139-44c6-8158-f81196e2cf2e&reference_id=a+b%26c&resource=FITBIT#top"
        );
    }
}
