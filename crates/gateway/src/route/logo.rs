use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use terra_auth_types::Provider;

use crate::{catalogue::Logo, error::ApiError, gateway::Gateway};

/// The policy of a logo: opened as a page, it runs and loads nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// Returns a provider's logo, so that its server does not see the user's browser. It needs no login, because an `<img>` sends
/// no token.
pub(crate) async fn logo(
    State(gateway): State<Gateway>,
    Path(resource): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let unknown = || ApiError::not_found("there is no such logo");
    let provider: Provider = resource.parse().map_err(|_| unknown())?;
    let live = gateway.live();
    let picture = live.catalogue.logo(&provider, &live.breaker).await.ok_or_else(unknown)?;
    Ok(show(&picture, &headers))
}

fn show(picture: &Logo, asked: &HeaderMap) -> Response {
    let fixed = [
        (header::CACHE_CONTROL, "public, max-age=86400"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    let tagged = [(header::ETAG, picture.etag.clone())];
    if is_known(asked, &picture.etag) {
        return (StatusCode::NOT_MODIFIED, fixed, tagged).into_response();
    }
    let content_type = [(header::CONTENT_TYPE, picture.content_type)];
    (fixed, tagged, content_type, picture.bytes.clone()).into_response()
}

/// Whether the browser has the current logo. A proxy may have added `W/` to the tag.
///
/// Source: RFC 9110 §13.1.2.
fn is_known(asked: &HeaderMap, etag: &HeaderValue) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || etag == tag.strip_prefix("W/").unwrap_or(tag))
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Bytes, to_bytes},
        http::{HeaderMap, HeaderValue, StatusCode, header},
    };

    use super::{Logo, show};

    fn sample_logo() -> Logo {
        let (etag, bytes) = (HeaderValue::from_static("\"abc\""), Bytes::from_static(b"<svg/>"));
        Logo { content_type: "image/svg+xml", etag, bytes }
    }

    #[tokio::test]
    async fn a_logo_can_be_cached_for_a_day_and_cannot_run_scripts() {
        let shown = show(&sample_logo(), &HeaderMap::new());
        for (name, value) in [
            (header::CONTENT_TYPE, "image/svg+xml"),
            (header::CACHE_CONTROL, "public, max-age=86400"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'; sandbox"),
            (header::ETAG, "\"abc\""),
        ] {
            let values: Vec<&HeaderValue> = shown.headers().get_all(&name).iter().collect();
            assert_eq!(values, [value], "{name}");
        }
        assert_eq!(shown.status(), StatusCode::OK);
        assert_eq!(to_bytes(shown.into_body(), 100).await.unwrap(), "<svg/>");
    }

    #[tokio::test]
    async fn a_browser_with_the_current_logo_gets_not_modified() {
        for (tags, has_it) in [
            (r#""abc""#, true),
            (r#"W/"abc""#, true),
            (r#""old", "abc""#, true),
            ("*", true),
            (r#""old""#, false),
            ("abc", false),
            ("", false),
        ] {
            let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_static(tags))]);
            let shown = show(&sample_logo(), &asked);
            assert_eq!(shown.status() == StatusCode::NOT_MODIFIED, has_it, "{tags}");
            assert_eq!(shown.headers()[header::ETAG], "\"abc\"");
            assert_eq!(to_bytes(shown.into_body(), 100).await.unwrap().is_empty(), has_it, "{tags}");
        }
    }
}
