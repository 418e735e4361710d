use url::Url;

use crate::hosted::is_loopback;

/// A link that an end user must not be redirected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}; use https://, or a custom scheme that your app has registered")]
pub struct InvalidRedirect {
    /// The name of the request's field on the wire.
    pub field: &'static str,
    /// The problem of the link.
    pub problem: &'static str,
}

/// Schemes that a browser executes or opens itself, so no app can register them.
const NON_APP_SCHEMES: [&str; 12] = [
    "about",
    "blob",
    "data",
    "file",
    "filesystem",
    "ftp",
    "javascript",
    "mailto",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// Checks a link: it must be HTTPS, HTTP on loopback, or an app's deep link.
pub(crate) fn check(field: &'static str, link: Option<&str>) -> Result<(), InvalidRedirect> {
    let Some(link) = link else { return Ok(()) };
    let refused = |problem| Err(InvalidRedirect { field, problem });
    match Url::parse(link) {
        Err(_) => refused("is not an absolute URL"),
        Ok(url) => match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() => refused("has a user name or password"),
            "https" => Ok(()),
            "http" if is_loopback(&url) => Ok(()),
            "http" => refused("is not encrypted"),
            scheme if NON_APP_SCHEMES.contains(&scheme) => refused("has a scheme that no app can open"),
            _ => Ok(()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn a_redirect_is_https_or_loopback_or_a_deep_link() {
        let allowed = |link| check("auth_success_redirect_url", Some(link)).is_ok();
        for good in ["https://app.example.com/done?a=1", "http://localhost:3000/done", "com.acme.app://connected"] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "http://app.example.com",
            "javascript:alert(1)",
            "data:text/html,x",
            "/done",
            "",
            "file:///etc",
            "https://a:b@example.com",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }

    #[test]
    fn the_error_names_the_field_and_the_fix() {
        let error = check("auth_failure_redirect_url", Some("http://app.example.com")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "auth_failure_redirect_url is not encrypted; use https://, or a custom scheme that your app has registered"
        );
    }
}
