//! Checks of a request's head that HTTP requires and hyper omits.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, StatusCode, Version, header, uri::Authority};

/// Rejects a request without exactly one valid `Host` (RFC 9112, section 3.2).
pub(crate) async fn check(request: Request, next: Next) -> Response {
    match host_problem(request.version(), request.headers()) {
        None => next.run(request).await,
        Some(problem) => (StatusCode::BAD_REQUEST, [(header::CONNECTION, "close")], problem).into_response(),
    }
}

fn host_problem(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => Some("the request has more than one Host header\n"),
        (None, _) => (version >= Version::HTTP_11).then_some("the request has no Host header\n"),
        (Some(host), None) => {
            // An empty one is valid if the target has no host.
            let is_usable = |text: &str| text.is_empty() || !text.contains('@') && text.parse::<Authority>().is_ok();
            (!host.to_str().is_ok_and(is_usable)).then_some("the Host header is not a valid host\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, Version, header};

    use super::host_problem;

    #[test]
    fn a_request_has_exactly_one_host() {
        for (version, hosts, is_refused) in [
            (Version::HTTP_11, &[][..], true),
            (Version::HTTP_10, &[], false),
            (Version::HTTP_11, &["a.example", "b.example"], true),
            (Version::HTTP_11, &["a.example", "a.example"], true),
            (Version::HTTP_10, &["a.example", "b.example"], true),
            (Version::HTTP_11, &["a.example"], false),
            (Version::HTTP_11, &["a.example:8787"], false),
            (Version::HTTP_11, &["[::1]:8787"], false),
            (Version::HTTP_11, &[""], false),
            (Version::HTTP_11, &["a b"], true),
            (Version::HTTP_11, &["a.example/path"], true),
            (Version::HTTP_11, &["user@a.example"], true),
        ] {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, HeaderValue::from_static(host));
            }
            assert_eq!(host_problem(version, &headers).is_some(), is_refused, "{version:?} {hosts:?}");
        }
    }
}
