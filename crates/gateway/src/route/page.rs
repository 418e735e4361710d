//! The gateway's two pages: the end of a widget session, and the start page `/`.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{Html, IntoResponse},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

/// The path of the page that closes itself.
pub(crate) const DONE: &str = "/api/terra/done";

/// Closes the window of the widget. A page of another origin cannot close it, and a provider's page can remove the opener
/// relation, but a page in the window can.
const CLOSE: &str = "window.close()";

const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;margin:3rem auto;max-width:40rem;padding:0 1rem;color:#1f2933;\
background:#fff}code{font-size:.9em}@media(prefers-color-scheme:dark){body{color:#e4e7eb;background:#1f2933}a{color:#9ecbff}}";

/// The text of a window that the browser does not close, such as one that the user opened.
const SENTENCES: [(&str, &str, &str); 8] = [
    ("en", "Done", "You can close this window and go back to the app."),
    ("de", "Fertig", "Sie können dieses Fenster schließen und zur App zurückkehren."),
    ("es", "Listo", "Ya puedes cerrar esta ventana y volver a la aplicación."),
    ("fr", "Terminé", "Vous pouvez fermer cette fenêtre et revenir à l’application."),
    ("it", "Fatto", "Puoi chiudere questa finestra e tornare all’app."),
    ("ja", "完了", "このウィンドウを閉じて、アプリに戻ってください。"),
    ("pt", "Concluído", "Pode fechar esta janela e voltar à aplicação."),
    ("zh-CN", "完成", "您可以关闭此窗口并返回应用。"),
];

/// `GET /api/terra/done`, the redirect target of the widget after success and failure.
pub(crate) async fn done(headers: HeaderMap) -> impl IntoResponse {
    let (language, title, sentence) = language(&headers);
    let body = format!("<p>{sentence}</p><script>{CLOSE}</script>");
    (policy(&format!("script-src {}", hash(CLOSE))), Html(page(language, title, &body)))
}

/// `GET /`, the URL that is printed at the start.
pub(crate) async fn start() -> impl IntoResponse {
    const BODY: &str = "<h1>terra-auth gateway</h1>\
        <p>This gateway connects the users of an app with their wearables and health apps. It asks the app who is logged in and \
        calls Terra’s API with keys that never leave it. It has no user interface. The app’s pages and Terra use these \
        addresses.</p><ul>\
        <li><a href=\"/terra.js\"><code>GET /terra.js</code></a>: the helper for the app’s pages, with its \
        <a href=\"/terra.d.ts\">types</a></li>\
        <li><code>POST /api/terra/widget-session</code>: a page on which a user connects a device</li>\
        <li><code>POST /api/terra/mobile-token</code>: a token for the mobile SDK</li>\
        <li><code>GET /api/terra/integrations</code>: what can be connected</li>\
        <li><code>GET /api/terra/connections</code>, <code>DELETE /api/terra/connections/{user_id}</code>: the connections of the \
        user who is logged in</li>\
        <li><code>POST /webhooks/terra</code>: where Terra sends its events</li>\
        <li><a href=\"/healthz\"><code>GET /healthz</code></a>, <a href=\"/readyz\"><code>GET /readyz</code></a>: for probes</li>\
        </ul><p>Settings, logins and webhooks are described in <code>docs/gateway.md</code>; \
        <code>terra-auth gateway check</code> prints your effective settings.</p>";
    (policy("script-src 'none'"), Html(page("en", "terra-auth gateway", BODY)))
}

fn page(language: &str, title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"{language}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\
         <body>{body}</body></html>"
    )
}

fn policy(scripts: &str) -> [(HeaderName, HeaderValue); 1] {
    let style = hash(STYLE);
    let policy = format!(
        "default-src 'none'; {scripts}; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let nothing = HeaderValue::from_static("default-src 'none'");
    [(header::CONTENT_SECURITY_POLICY, HeaderValue::try_from(policy).unwrap_or(nothing))]
}

/// Source: Content Security Policy Level 3, section 2.3.1.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

/// The first supported language of the browser.
fn language(headers: &HeaderMap) -> (&'static str, &'static str, &'static str) {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let primary = |tag: &str| tag.split(['-', '_']).next().unwrap_or_default().trim().to_ascii_lowercase();
    let known = |tag: &str| SENTENCES.into_iter().find(|(own, ..)| primary(own) == primary(tag));
    let tags = accepted.split(',').take(20).map(|part| part.split(';').next().unwrap_or_default());
    tags.map(known).find_map(|found| found).unwrap_or(SENTENCES[0])
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use http::{HeaderMap, HeaderValue, header};

    use axum::response::IntoResponse as _;

    use super::{CLOSE, done, hash, start};

    async fn escaped(languages: &'static str) -> (String, String) {
        let headers = HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, HeaderValue::from_static(languages))]);
        let (parts, body) = done(headers).await.into_response().into_parts();
        let text = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        (parts.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned(), text)
    }

    #[tokio::test]
    async fn the_last_page_has_one_script_that_closes_it_and_its_policy_permits_no_other() {
        let (policy, text) = escaped("en").await;
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains(&hash(CLOSE)), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(text.matches("<script").count(), 1);
        assert!(text.contains(&format!("<script>{CLOSE}</script>")), "{text}");
    }

    #[tokio::test]
    async fn the_last_page_uses_the_language_of_the_browser() {
        for (languages, expected) in [
            ("de-CH,de;q=0.9,en;q=0.8", "lang=\"de\""),
            ("nl,fr;q=0.5", "lang=\"fr\""),
            ("zh-TW", "lang=\"zh-CN\""),
            ("PT-br", "lang=\"pt\""),
            ("tlh", "lang=\"en\""),
            ("", "lang=\"en\""),
        ] {
            assert!(escaped(languages).await.1.contains(expected), "{languages}");
        }
    }

    #[tokio::test]
    async fn the_start_page_runs_no_script() {
        let response = start().await.into_response();
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("script-src 'none'"), "{policy}");
    }
}
