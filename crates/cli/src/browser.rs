//! A very small browser: follows a login's pages on this machine, over plain HTTP, cookies and forms included.

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

/// Keeps cookies from page to page.
#[derive(Default)]
pub(crate) struct Browser {
    cookies: Vec<(String, String)>,
}

/// A page, or the place a redirect points to.
pub(crate) struct Visited {
    pub(crate) url: Url,
    pub(crate) status: StatusCode,
    pub(crate) location: Option<Url>,
    pub(crate) text: String,
}

impl Browser {
    /// Opens a URL and follows redirects for as long as `goes_on` says so.
    pub(crate) async fn open(&mut self, url: Url, goes_on: impl Fn(&Url) -> bool) -> anyhow::Result<Visited> {
        let mut visited = self.send(Method::GET, url, String::new()).await?;
        for _ in 0..10 {
            match visited.location.take() {
                Some(next) if goes_on(&next) => visited = self.send(Method::GET, next, String::new()).await?,
                location => return Ok(Visited { location, ..visited }),
            }
        }
        bail!("the pages redirect in circles")
    }

    /// Submits a form.
    pub(crate) async fn submit(&mut self, url: Url, fields: &[(&str, &str)]) -> anyhow::Result<Visited> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.send(Method::POST, url, body).await
    }

    async fn send(&mut self, method: Method, url: Url, body: String) -> anyhow::Result<Visited> {
        ensure!(url.scheme() == "http", "only pages over plain http on this machine are walked, not {}", url.scheme());
        let request = self.request(method, &url, body)?;
        let answer = tokio::time::timeout(TIMEOUT, fetch(&url, request)).await;
        let (status, headers, text) = answer.context("the page did not answer within 30 s")??;
        self.remember(&headers);
        let location = headers.get(LOCATION).map(|location| anyhow::Ok(url.join(location.to_str()?)?)).transpose()?;
        Ok(Visited { url, status, location, text })
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

    /// Good enough for one login: names are unique, and what expires is not sent again.
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
