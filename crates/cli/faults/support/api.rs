//! An app's backend, its phones and its users' browsers. Every failure is a value, because the
//! servers are killed on purpose.

use std::fmt;

use http::{
    Method,
    header::{LOCATION, SET_COOKIE},
};
use serde_json::{Value, json};
use terra_auth::{Client, Credentials, Environment, UserId};
use terra_auth_cli_testkit::http::{Reply, send};
use url::{Url, form_urlencoded::Serializer};

/// The keys of an environment and the URL of a node.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) origin: String,
    pub(crate) dev_id: String,
    pub(crate) key: String,
    pub(crate) signing_secret: String,
    pub(crate) folder: std::path::PathBuf,
    pub(crate) environment: Environment,
}

/// Why a call was not acknowledged.
#[derive(Clone, Debug)]
pub(crate) enum CallError {
    Answer {
        status: u16,
        retry_after: bool,
    },
    NoAnswer(String),
    /// A login that ended at an error page of the server.
    Page(String),
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { status, retry_after: true } => write!(f, "{status} with Retry-After"),
            Self::Answer { status, retry_after: false } => write!(f, "{status}"),
            Self::Page(path) => write!(f, "a login that ended at {path}"),
            Self::NoAnswer(why) => write!(f, "no response ({why})"),
        }
    }
}

impl std::error::Error for CallError {}

impl Api {
    /// The same environment at another node.
    pub(crate) fn at(&self, origin: &str) -> Self {
        Self { origin: origin.to_owned(), ..self.clone() }
    }

    /// A client with the same credential file, for results of several pages.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        let credentials = Credentials::load_from(self.environment, &self.folder, &|_| None)?;
        Ok(Client::builder(credentials).build()?)
    }

    pub(crate) async fn call(&self, method: Method, path: &str, body: String) -> Result<Value, CallError> {
        let headers = [("dev-id", &*self.dev_id), ("x-api-key", &*self.key), ("content-type", "application/json")];
        json_of(send(method, &format!("{}{path}", self.origin), &headers, body).await)
    }

    pub(crate) async fn mint(&self) -> Result<String, CallError> {
        let answer = self.call(Method::POST, "/v2/auth/generateAuthToken", String::new()).await?;
        Ok(answer["token"].as_str().unwrap_or_default().to_owned())
    }

    /// Redeems a mobile token for a connection of Apple Health.
    pub(crate) async fn redeem(&self, token: &str, device: &str) -> Result<UserId, CallError> {
        let url = format!(
            "{}/v2/auth/authenticateSDKUser?resource=APPLE&resource_user_identifier={device}&reference_id={device}",
            self.origin
        );
        let bearer = format!("Bearer {token}");
        let headers = [("dev-id", &*self.dev_id), ("authorization", &*bearer)];
        user_in(&json_of(send(Method::POST, &url, &headers, String::new()).await)?)
    }

    /// Connects a new device.
    pub(crate) async fn connect(&self, device: &str) -> Result<UserId, CallError> {
        let token = self.mint().await?;
        self.redeem(&token, device).await
    }

    pub(crate) async fn session(&self, provider: &str) -> Result<Url, CallError> {
        let request = json!({ "providers": provider, "auth_success_redirect_url": "https://app.example/ok" });
        let answer = self.call(Method::POST, "/v2/auth/generateWidgetSession", request.to_string()).await?;
        let url: Url = answer["url"].as_str().and_then(|url| url.parse().ok()).ok_or(CallError::no("no url"))?;
        // The URL has the public address, which may belong to another node.
        let here: Url = self.origin.parse().map_err(CallError::no)?;
        here.join(url.path()).map_err(CallError::no)
    }

    /// Signs in at a provider through the widget's pages; `account` is the account at the practice provider.
    pub(crate) async fn login(&self, provider: &str, account: &str) -> Result<UserId, CallError> {
        let session = self.session(provider).await?;
        let mut browser = Browser::default();
        let mut page = browser.get(session).await?;
        if let Some(handle) = field_in(&page.text, "handle") {
            page = browser.submit("login", &[("handle", &handle), ("account", account)]).await?;
            let handle = field_in(&page.text, "handle").ok_or(CallError::no("no consent page"))?;
            let scope = field_in(&page.text, "scope").unwrap_or_default();
            let answer = [("handle", &*handle), ("decision", "approve"), ("scope", &*scope)];
            browser.submit("consent", &answer).await?;
        }
        let end = browser.at.ok_or(CallError::no("no page"))?;
        if end.host_str() != Some("app.example") {
            let path = end.path_segments().and_then(|mut parts| parts.next()).unwrap_or_default();
            return Err(CallError::Page(format!("/{path}")));
        }
        let user = end.query_pairs().find(|(name, _)| name == "user_id").ok_or(CallError::no("no user_id"))?;
        user.1.parse().map_err(|_| CallError::no("no user id"))
    }

    pub(crate) async fn remove(&self, user: UserId) -> Result<(), CallError> {
        let path = format!("/v2/auth/deauthenticateUser?user_id={user}");
        self.call(Method::DELETE, &path, String::new()).await.map(drop)
    }

    pub(crate) async fn set_destination(&self, url: Option<&str>) -> Result<(), CallError> {
        let body = json!({ "destination": url }).to_string();
        self.call(Method::PUT, "/v2/webhooks/destination", body).await.map(drop)
    }

    pub(crate) async fn destination(&self) -> Result<Value, CallError> {
        Ok(self.call(Method::GET, "/v2/webhooks/destination", String::new()).await?["destination"].clone())
    }

    /// Whether the node reports that it is ready.
    pub(crate) async fn is_ready(&self) -> Result<(), CallError> {
        json_of(send(Method::GET, &format!("{}/readyz", self.origin), &[], String::new()).await).map(drop)
    }

    /// Creates a key; returns it and its id.
    pub(crate) async fn create_key(&self, admin_token: &str) -> Result<(String, String), CallError> {
        let path = format!("/api/v3/admin/environments/{}/keys", self.dev_id);
        let answer = self.administer(admin_token, Method::POST, &path, json!({ "name": "fault" }).to_string()).await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok((text(&answer["api_key"]), text(&answer["key"]["key_id"])))
    }

    pub(crate) async fn revoke_key(&self, admin_token: &str, key_id: &str) -> Result<(), CallError> {
        let path = format!("/api/v3/admin/environments/{}/keys/{key_id}?now=true&force=true", self.dev_id);
        self.administer(admin_token, Method::DELETE, &path, String::new()).await.map(drop)
    }

    async fn administer(&self, token: &str, method: Method, path: &str, body: String) -> Result<Value, CallError> {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", &*bearer), ("content-type", "application/json")];
        json_of(send(method, &format!("{}{path}", self.origin), &headers, body).await)
    }
}

impl CallError {
    fn no(why: impl fmt::Display) -> Self {
        Self::NoAnswer(why.to_string())
    }
}

fn json_of(reply: Result<Reply, terra_auth_cli_testkit::http::HttpFailure>) -> Result<Value, CallError> {
    let reply = reply.map_err(CallError::no)?;
    if reply.status.is_success() {
        return serde_json::from_str(&reply.text).map_err(CallError::no);
    }
    Err(refusal_of(&reply))
}

fn refusal_of(reply: &Reply) -> CallError {
    CallError::Answer { status: reply.status.as_u16(), retry_after: reply.headers.contains_key("retry-after") }
}

fn user_in(answer: &Value) -> Result<UserId, CallError> {
    answer["user_id"].as_str().and_then(|id| id.parse().ok()).ok_or(CallError::no("no user id"))
}

/// The first value of a form's field on a page of the practice provider.
fn field_in(page: &str, name: &str) -> Option<String> {
    let inputs = page.split("<input").filter_map(|rest| rest.split('>').next());
    let mut values = inputs.filter(|input| input.contains(&format!("name=\"{name}\"")));
    Some(values.next()?.split_once("value=\"")?.1.split('"').next()?.to_owned())
}

#[derive(Default)]
struct Browser {
    cookies: Vec<(String, String)>,
    at: Option<Url>,
}

impl Browser {
    /// Opens a page and follows its redirects on this machine.
    async fn get(&mut self, url: Url) -> Result<Reply, CallError> {
        self.walk(Method::GET, url, String::new()).await
    }

    async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Result<Reply, CallError> {
        let url = self.at.as_ref().and_then(|at| at.join(path).ok()).ok_or(CallError::no("no page"))?;
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        self.walk(Method::POST, url, form).await
    }

    async fn walk(&mut self, method: Method, url: Url, form: String) -> Result<Reply, CallError> {
        let mut reply = self.send(method, &url, form).await?;
        self.at = Some(url);
        for _ in 0..10 {
            let at = self.at.as_ref().ok_or(CallError::no("no page"))?;
            let location = reply.header(LOCATION.as_str());
            if location.is_empty() {
                return if reply.status.is_success() { Ok(reply) } else { Err(refusal_of(&reply)) };
            }
            let next = at.join(location).map_err(CallError::no)?;
            let is_here = next.host_str() == Some("127.0.0.1");
            self.at = Some(next.clone());
            if !is_here {
                return Ok(reply);
            }
            reply = self.send(Method::GET, &next, String::new()).await?;
        }
        Err(CallError::no("too many redirects"))
    }

    async fn send(&mut self, method: Method, url: &Url, form: String) -> Result<Reply, CallError> {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let headers = [("cookie", &*cookies), ("content-type", "application/x-www-form-urlencoded")];
        let reply = send(method, url.as_str(), &headers, form).await.map_err(CallError::no)?;
        for cookie in reply.headers.get_all(SET_COOKIE) {
            let pair = cookie.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=').filter(|(_, value)| !value.is_empty()) {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
        Ok(reply)
    }
}
