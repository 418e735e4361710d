//! Where an end user may be sent, and what is told there.

use terra_auth_types::{Provider, ReferenceId, UserId};
use url::{Host, Url};

/// Why nobody may be sent to a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RedirectError {
    /// Not an absolute URL.
    #[error("not an absolute URL")]
    NotAUrl,
    /// Plain HTTP, and not on this machine.
    #[error("must be https (http is for loopback only)")]
    NotHttps,
    /// A scheme that runs or reads something instead of going somewhere.
    #[error("this scheme cannot be redirected to")]
    Scheme,
    /// It carries a user name or password.
    #[error("must not contain a user name or password")]
    UserInfo,
    /// The environment has an allow-list, and this is not on it.
    #[error("not on this environment's redirect allow-list")]
    NotAllowed,
}

const FORBIDDEN_SCHEMES: [&str; 12] = [
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "about",
    "ftp",
    "ws",
    "wss",
    "view-source",
    "filesystem",
    "mailto",
];

/// Checks a redirect target: `https`, `http` on loopback, or an app's own scheme (a deep link), and on the allow-list or
/// below a URL on it. An empty list allows all.
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
        scheme if FORBIDDEN_SCHEMES.contains(&scheme) => return Err(RedirectError::Scheme),
        _ => {}
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(RedirectError::UserInfo);
    }
    if !allow_list.is_empty() && !allow_list.iter().any(|prefix| is_below(prefix, &url)) {
        return Err(RedirectError::NotAllowed);
    }
    Ok(url)
}

/// Whether the URL's host is this machine, whatever a resolver says.
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
    let same_place = prefix.scheme() == url.scheme()
        && prefix.host_str() == url.host_str()
        && prefix.port_or_known_default() == url.port_or_known_default();
    let below = url.path().strip_prefix(prefix.path().trim_end_matches('/'));
    same_place && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Adds the published parameters of a success: `user_id`, `reference_id` (the text `null` for none), `resource`.
///
/// Source: "Redirect parameters" in `docs/compatibility.md`.
pub(crate) fn with_success(url: &Url, user_id: UserId, reference_id: Option<&ReferenceId>, provider: &Provider) -> Url {
    let mut url = url.clone();
    url.query_pairs_mut()
        .append_pair("user_id", &user_id.to_string())
        .append_pair("reference_id", reference_id.map_or("null", ReferenceId::as_str))
        .append_pair("resource", provider.as_str());
    url
}

/// Adds `reference_id`, `resource` (where one was chosen) and `reason`. Ours: nothing is published for failures.
pub(crate) fn with_failure(
    url: &Url,
    reference_id: Option<&ReferenceId>,
    provider: Option<&Provider>,
    reason: &str,
) -> Url {
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

    use super::{RedirectError, check, with_success};

    #[test]
    fn safe_targets_pass() {
        for url in
            ["https://a.example/x?y=1", "http://localhost:3000/", "http://127.0.0.1/x", "http://[::1]/", "acme://done"]
        {
            assert!(check(&[], url).is_ok(), "{url}");
        }
    }

    #[test]
    fn unsafe_targets_are_told_apart() {
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
    fn an_allow_list_matches_whole_segments_of_one_origin() {
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
        let url = with_success(&"acme://done?auth=success#top".parse().unwrap(), user, Some(&reference), &provider);
        assert_eq!(
            url.as_str(),
            "acme://done?auth=success&user_id=23dc2540-7139-44c6-8158-f81196e2cf2e&reference_id=a+b%26c&resource=FITBIT#top"
        );
    }
}
