//! A minimal browser that follows a login's pages on this machine over plain HTTP, with cookies and forms.

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{
    HeaderMap, Method, Request, StatusCode,
    header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Duration};
use url::Url;

const MAX_PAGE_BYTES: usize = 1 << 20;

const TIMEOUT: Duration = Duration::from_secs(30);

/// The cookies of a session.
#[derive(Default)]
pub(crate) struct Browser {
    cookies: Vec<(String, String)>,
}

/// A page, or the target of a redirect.
pub(crate) struct BrowserResponse {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) location: Option<Url>,
    pub(crate) text: String,
}

impl Browser {
    /// Opens a URL and follows redirects to the URLs that `should_follow` accepts, up to 10 of them.
    pub(crate) async fn open(
        &mut self,
        url: Url,
        should_follow: impl Fn(&Url) -> bool,
    ) -> anyhow::Result<BrowserResponse> {
        let mut visited = self.send(Method::GET, url, String::new()).await?;
        for _ in 0..10 {
            match visited.location.take() {
                Some(next) if should_follow(&next) => visited = self.send(Method::GET, next, String::new()).await?,
                location => return Ok(BrowserResponse { location, ..visited }),
            }
        }
        bail!("too many redirects")
    }

    /// Submits a form.
    pub(crate) async fn submit(&mut self, url: Url, fields: &[(&str, &str)]) -> anyhow::Result<BrowserResponse> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, url, body).await
    }

    async fn send(&mut self, method: Method, url: Url, body: String) -> anyhow::Result<BrowserResponse> {
        ensure!(url.scheme() == "http", "only http:// pages on this machine are supported, not {}://", url.scheme());
        let request = self.request(method, &url, body)?;
        let answer = tokio::time::timeout(TIMEOUT, fetch(&url, request)).await;
        let (status, headers, text) = answer.context("the page did not answer within 30 s")??;
        self.remember(&headers);
        let location = headers.get(LOCATION).map(|location| anyhow::Ok(url.join(location.to_str()?)?)).transpose()?;
        Ok(BrowserResponse { url, status, location, text })
    }

    fn request(&self, method: Method, url: &Url, body: String) -> anyhow::Result<Request<Full<Bytes>>> {
        let authority = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder().method(method).uri(target).header(HOST, authority);
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        Ok(request.body(Full::new(Bytes::from(body)))?)
    }

    /// Sufficient for one login: cookie names are unique, and a cookie with `Max-Age=0` is deleted.
    fn remember(&mut self, headers: &HeaderMap) {
        for text in headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()) {
            let pair = text.split(';').next().and_then(|pair| pair.split_once('='));
            let Some((name, value)) = pair else { continue };
            self.cookies.retain(|(known, _)| known != name);
            if !text.contains("Max-Age=0") {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

async fn fetch(url: &Url, request: Request<Full<Bytes>>) -> anyhow::Result<(StatusCode, HeaderMap, String)> {
    let address = url.socket_addrs(|| None).context("the page's host has no address")?;
    let stream = TcpStream::connect(&address[..]).await.with_context(|| format!("cannot reach {}", url.authority()))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = Limited::new(body, MAX_PAGE_BYTES).collect().await;
    connection.abort();
    let body = body.map_err(|error| anyhow::anyhow!("the page cannot be read: {error}"))?.to_bytes();
    Ok((parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned()))
}

/// The values of the input fields with a name, in the page's order.
pub(crate) fn fields(html: &str, name: &str) -> Vec<String> {
    let wanted = format!("name=\"{name}\"");
    let inputs = html.split("<input").skip(1).filter_map(|rest| rest.split('>').next());
    let values = inputs.filter(|input| input.contains(&wanted)).filter_map(|input| {
        let (_, rest) = input.split_once("value=\"")?;
        Some(rest.split('"').next().unwrap_or_default())
    });
    values.map(unescape).collect()
}

fn unescape(text: &str) -> String {
    text.replace("&#38;", "&").replace("&amp;", "&").replace("&quot;", "\"").replace("&#34;", "\"")
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn fields_are_found_by_name_in_order() {
        let html = r#"<input type="hidden" name="handle" value="a&amp;b"><p>
            <input type="checkbox" name="scope" value="sleep" checked><input name="scope" value="heart rate">"#;
        assert_eq!(fields(html, "handle"), ["a&b"]);
        assert_eq!(fields(html, "scope"), ["sleep", "heart rate"]);
        assert!(fields(html, "account").is_empty());
    }
}
