//! An end user with a browser, which records the secrets that it received.

use http::{
    Method,
    header::{LOCATION, SET_COOKIE},
};
use terra_auth_cli_testkit::http::{Reply, send};
use url::{Url, form_urlencoded::Serializer};

#[derive(Default)]
pub(crate) struct BrowserUser {
    cookies: Vec<(String, String)>,
    /// Every visited URL.
    pub(crate) visited: Vec<Url>,
    handles: Vec<String>,
}

impl BrowserUser {
    /// Opens a page and follows its redirects on this machine.
    pub(crate) async fn open(&mut self, url: &str) -> Reply {
        let reply = self.send(Method::GET, url, String::new()).await;
        self.follow(reply).await
    }

    /// Logs in at the sandbox and consents. Starts at a session's page and returns the last one.
    pub(crate) async fn connect(&mut self, session_url: &str) -> Reply {
        let login = self.open(session_url).await;
        let consent = self.submit("login", &login, &[("account", "demo")]).await;
        self.submit("consent", &consent, &[("decision", "approve"), ("scope", "daily")]).await
    }

    async fn submit(&mut self, path: &str, page: &Reply, fields: &[(&str, &str)]) -> Reply {
        let handle = page.text.split("name=\"handle\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
        let handle = handle.unwrap_or_else(|| panic!("no form: {}", page.text)).to_owned();
        let form = Serializer::new(String::new()).append_pair("handle", &handle).extend_pairs(fields).finish();
        let url = self.visited.last().unwrap().join(path).unwrap();
        self.handles.push(handle);
        let reply = self.send(Method::POST, url.as_str(), form).await;
        self.follow(reply).await
    }

    async fn follow(&mut self, mut reply: Reply) -> Reply {
        for _ in 0..10 {
            let location = reply.header(LOCATION.as_str());
            if location.is_empty() {
                return reply;
            }
            let next = self.visited.last().unwrap().join(location).unwrap();
            if next.host_str() != Some("127.0.0.1") {
                self.visited.push(next);
                return reply;
            }
            reply = self.send(Method::GET, next.as_str(), String::new()).await;
        }
        panic!("too many redirects: {:?}", self.visited);
    }

    async fn send(&mut self, method: Method, url: &str, form: String) -> Reply {
        self.visited.push(url.parse().unwrap());
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = [("cookie", &*cookies.join("; ")), ("content-type", "application/x-www-form-urlencoded")];
        let reply = send(method, url, &headers, form).await.unwrap();
        for cookie in reply.headers.get_all(SET_COOKIE) {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        reply
    }

    /// The secrets that the browser received: cookies, codes, states, and the handles of forms.
    pub(crate) fn secrets(&self) -> Vec<(&'static str, String)> {
        let of_urls = self.visited.iter().flat_map(|url| {
            let pairs = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned()));
            pairs.collect::<Vec<_>>()
        });
        let codes_and_states = of_urls.filter_map(|(name, value)| match &*name {
            "code" => Some(("an authorization code", value)),
            "state" => Some(("a state", value)),
            _ => None,
        });
        let cookies = self.cookies.iter().map(|(_, value)| ("a cookie", value.clone()));
        let handles = self.handles.iter().map(|handle| ("a form's handle", handle.clone()));
        codes_and_states.chain(cookies).chain(handles).collect()
    }
}
