//! One environment of a whole server; time stands still at 2030-01-01 and every run draws the same random bytes.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use terra_auth_core::{
    Auth, Dependencies,
    admin::action::Admin,
    developer::{IssuedCredentials, NewDeveloper},
    node::{directory::Directory, outbox::Outbox},
};
use terra_auth_egress::AddressPolicy;
use terra_auth_http::{ServerLimits, Workers};
use terra_auth_model::{
    clock::{Clock as _, Entropy as _},
    keys::{KeyRing, MasterKey},
    provider::ClientCredentials,
    store::Store,
};
use terra_auth_providers::{OAuthProviders, Recipes};
use terra_auth_sandbox::{Sandbox, SandboxConfig};
use terra_auth_testkit::{CountingEntropy, Database, FixedClock, Postgres, WriteFaults};
use terra_auth_types::{
    Environment,
    wire::admin::{ChangeEnvironment, CreateAdminToken, Role},
};
use tokio::net::TcpListener;
use tower::ServiceExt as _;
use tracing_subscriber::fmt::MakeWriter;
use url::Url;

pub(crate) struct TestApp {
    pub(crate) auth: Auth,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) sandbox: Sandbox,
    pub(crate) keys: IssuedCredentials,
    router: Router,
    database: Option<Database>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn location(&self) -> Url {
        self.header("location").parse().unwrap_or_else(|_| panic!("no redirect: {self:?}"))
    }

    /// Status, code and detail of a problem.
    pub(crate) fn refusal(&self) -> (u16, String, String) {
        let (status, detail) = self.problem();
        (status, self.json()["code"].as_str().unwrap_or_default().to_owned(), detail)
    }

    /// Status and problem, to be compared as a whole.
    pub(crate) fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!((&problem["message"], &problem["status"]), (&problem["detail"], &Value::from("error")));
        assert!(problem["title"].is_string() && problem["instance"].is_string(), "{problem}");
        (self.status.as_u16(), problem["detail"].as_str().unwrap().to_owned())
    }
}

pub(crate) const WIDGET: &str = "http://localhost:8787";

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(Environment::Testing).await
    }

    pub(crate) async fn start_with(environment: Environment) -> Self {
        Self::start_at(WIDGET.parse().unwrap(), environment, "").await
    }

    /// On a store whose writes can fail, with recipes as in [`TestApp::start_with_recipes`].
    pub(crate) async fn start_failing(toml: &str) -> (Self, WriteFaults) {
        let (store, database) = fresh_store().await;
        let (store, faults) = WriteFaults::of(store);
        (Self::start_in((store, database), WIDGET.parse().unwrap(), Environment::Testing, toml).await, faults)
    }

    /// On a PostgreSQL that a second node may use too.
    pub(crate) async fn start_on(database: Database) -> Self {
        let store = terra_auth_store::open(&database.url().into()).await.unwrap();
        Self::start_in((store, Some(database)), WIDGET.parse().unwrap(), Environment::Testing, "").await
    }

    /// Another node of the same database, which knows the keys of the environment.
    pub(crate) async fn second_node(&self) -> Self {
        let url = self.database.as_ref().unwrap().url();
        let auth = self.restarted_on(terra_auth_store::open(&url.into()).await.unwrap()).await;
        let router = terra_auth_server::router(auth.clone());
        let (clock, sandbox, keys) = (self.clock.clone(), self.sandbox.clone(), self.keys.clone());
        Self { auth, clock, sandbox, keys, router, database: None }
    }

    /// With recipes that take the place of the sandbox's own; `{base}` is where the sandbox is.
    pub(crate) async fn start_with_recipes(toml: &str) -> Self {
        Self::start_at(WIDGET.parse().unwrap(), Environment::Testing, toml).await
    }

    /// On a real port, for clients that are no part of this process. To a browser, `localhost` is another site than the
    /// sandbox's `127.0.0.1`.
    pub(crate) async fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port()).parse().unwrap();
        let app = Self::start_at(url, Environment::Testing, "").await;
        let never = std::future::pending();
        let router = app.router.clone();
        tokio::spawn(terra_auth_http::serve(
            listener,
            router,
            ServerLimits::default(),
            Workers::of_this_thread(),
            never,
        ));
        app
    }

    async fn start_at(widget_url: Url, environment: Environment, recipes: &str) -> Self {
        Self::start_in(fresh_store().await, widget_url, environment, recipes).await
    }

    async fn start_in(
        (store, database): (Store, Option<Database>),
        widget_url: Url,
        environment: Environment,
        recipes: &str,
    ) -> Self {
        let clock = Arc::new(FixedClock::default());
        let entropy = Arc::new(CountingEntropy::default());
        let (listener, base) = free_port().await;
        let mut client = ClientCredentials::new("tests", "not-a-secret");
        client.notification_token = Some("agreed-upon".into());
        let recipes = Recipes::sandbox(&base).unwrap().with(more_recipes(recipes, &base));
        let of = |_: &_| Some(client.clone());
        let providers = OAuthProviders::new(recipes, of, AddressPolicy::AllowPrivate, clock.clone()).unwrap();
        let auth = Auth::new(Dependencies {
            store,
            clock: clock.clone(),
            entropy: entropy.clone(),
            keys: KeyRing::new(&MasterKey([7; 32].into())),
            directory: Directory::default(),
            providers: Arc::new(providers),
            widget_url,
            outbox: Outbox::default(),
        });
        let sandbox = sandbox(&auth, base, &client, &clock, &entropy);
        tokio::spawn(axum::serve(listener, Router::new().nest("/sandbox", sandbox.router())).into_future());
        let new = NewDeveloper { environment, name: "Acme".to_owned(), destination: None, bound_tokens_only: false };
        let keys = auth.create_developer(&Admin::local("tests"), new).await.unwrap();
        let router = terra_auth_server::router(auth.clone());
        Self { auth, clock, sandbox, keys, router, database }
    }

    /// The same server, whose pages may show its credentials as on `terra-auth dev`.
    pub(crate) fn with_dev_access(self) -> Self {
        let access = terra_auth_server::DevAccess::default();
        access.allow(terra_auth_server::Credentials {
            dev_id: self.keys.dev_id.to_string(),
            api_key: self.keys.api_key.expose().to_owned(),
            admin_token: Some("admin-token-not-a-secret".to_owned()),
        });
        let router = terra_auth_server::router_with(self.auth.clone(), access);
        Self { router, ..self }
    }

    /// Another environment on the same server.
    pub(crate) async fn another(&self) -> IssuedCredentials {
        let new = NewDeveloper {
            environment: Environment::Staging,
            name: "Other".to_owned(),
            destination: None,
            bound_tokens_only: false,
        };
        self.auth.create_developer(&Admin::local("tests"), new).await.unwrap()
    }

    pub(crate) async fn change(&self, change: ChangeEnvironment) {
        self.auth.change_environment(&Admin::local("tests"), &self.keys.dev_id, &change).await.unwrap();
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let (parts, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let keys = &self.keys;
        let request = Request::builder().method(method).uri(path);
        request.header("dev-id", keys.dev_id.as_str()).header("x-api-key", keys.api_key.expose())
    }

    /// The same store under another server, after a restart.
    pub(crate) async fn restarted(&self) -> Auth {
        self.restarted_on(self.auth.store().clone()).await
    }

    async fn restarted_on(&self, store: Store) -> Auth {
        let auth = Auth::new(Dependencies {
            store,
            clock: self.clock.clone(),
            entropy: self.auth.entropy().clone(),
            keys: KeyRing::new(&MasterKey([7; 32].into())),
            directory: Directory::default(),
            providers: self.auth.providers().clone(),
            widget_url: self.auth.widget_url().clone(),
            outbox: Outbox::default(),
        });
        auth.reload().await.unwrap();
        auth
    }

    /// A new admin token.
    pub(crate) async fn token(&self, role: Role) -> String {
        let new = CreateAdminToken { name: role.as_str().to_owned(), role, expires_in_days: Some(10) };
        let issued = self.auth.create_admin_token(&Admin::local("tests"), &new).await.unwrap();
        issued.token.expose().to_owned()
    }

    /// A call of the admin API. `Null` sends no body.
    pub(crate) async fn admin(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        let request = Request::builder().method(method).uri(format!("/api/v3/admin{path}"));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).unwrap()).await
    }

    /// A call with another key of the same environment.
    pub(crate) async fn call(&self, api_key: &str, method: &str, path: &str) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("dev-id", self.keys.dev_id.as_str()).header("x-api-key", api_key);
        self.send(request.body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(self.request("DELETE", path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        let request = self.request("POST", path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn post_nothing(&self, path: &str) -> Answer {
        self.send(self.request("POST", path).body(Body::empty()).unwrap()).await
    }

    /// A widget session's page, below the widget's URL.
    pub(crate) async fn session(&self, body: Value) -> String {
        let answer = self.post("/v2/auth/generateWidgetSession", body).await;
        path_of(&answer.json()["url"].as_str().unwrap_or_else(|| panic!("{answer:?}")).parse().unwrap())
    }

    /// A page as a browser asks for it: without keys, with cookies.
    pub(crate) async fn page(&self, path: &str, cookies: &[String]) -> Answer {
        let request = Request::builder().uri(path).header(header::COOKIE, cookies.join("; "));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Goes to a provider and says yes or no there; gives back the way back and the cookie.
    pub(crate) async fn at_provider(&self, connect: &str, account: &str, decision: Decision) -> (String, Vec<String>) {
        let departure = self.page(connect, &[]).await;
        assert_eq!(departure.status, 303, "{departure:?}");
        let cookie = departure.header("set-cookie").split(';').next().unwrap().to_owned();
        let back = sandbox_login(&departure.location(), account, decision).await;
        (path_of(&back), vec![cookie])
    }

    /// A whole connection; answers with its user id.
    pub(crate) async fn connected_user(&self, provider: &str, reference_id: &str) -> String {
        self.connected_account(provider, reference_id, "demo").await
    }

    pub(crate) async fn connected_account(&self, provider: &str, reference_id: &str, account: &str) -> String {
        let session = self.session(serde_json::json!({"providers": provider, "reference_id": reference_id})).await;
        let (back, cookies) = self.at_provider(&session, account, Decision::Approve).await;
        let end = self.page(&back, &cookies).await;
        assert_eq!(end.status, 303, "{end:?}");
        query(&end.location(), "user_id").unwrap()
    }

    /// Sets a webhook destination, so that events have deliveries.
    pub(crate) async fn set_destination(&self) {
        let url = "https://app.example/hooks".parse().unwrap();
        self.change(ChangeEnvironment { destination: Some(Some(url)), ..Default::default() }).await;
    }

    /// The events so far, oldest first, as receivers see them.
    pub(crate) async fn events(&self) -> Vec<Value> {
        let events = self.auth.events_after(&self.keys.dev_id, None, 100).await.unwrap();
        events.iter().map(|event| serde_json::from_str(&event.payload).unwrap()).collect()
    }
}

/// What was logged.
#[derive(Clone, Default)]
pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Page {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Decision {
    Approve,
    Deny,
    Without(&'static str),
}

pub(crate) fn query(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

pub(crate) fn path_of(url: &Url) -> String {
    url[url::Position::BeforePath..].to_owned()
}

fn more_recipes(toml: &str, base: &Url) -> Recipes {
    let text = if toml.is_empty() { "provider = []" } else { toml };
    Recipes::from_toml(&text.replace("{base}", base.as_str()), "tests").unwrap()
}

/// SQLite in memory, or, with `TERRA_AUTH_TEST_STORE=postgres`, a new database of a private PostgreSQL.
async fn fresh_store() -> (Store, Option<Database>) {
    let database = match std::env::var("TERRA_AUTH_TEST_STORE").as_deref() {
        Ok("postgres") => Some(Postgres::start().database()),
        Ok(other) => panic!("TERRA_AUTH_TEST_STORE is {other}, not postgres"),
        Err(_) => None,
    };
    let url = database.as_ref().map_or("sqlite::memory:".to_owned(), Database::url);
    (terra_auth_store::open(&url.into()).await.unwrap(), database)
}

async fn free_port() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/sandbox", listener.local_addr().unwrap()).parse().unwrap();
    (listener, base)
}

fn sandbox(
    auth: &Auth,
    base_url: Url,
    client: &ClientCredentials,
    clock: &Arc<FixedClock>,
    entropy: &Arc<CountingEntropy>,
) -> Sandbox {
    let config = SandboxConfig {
        base_url,
        app_name: "Acme".to_owned(),
        client_id: client.client_id.clone(),
        client_secret: client.client_secret.clone(),
        redirect_uris: auth.providers().list().iter().map(|info| auth.redirect_uri(&info.provider)).collect(),
        access_token_ttl: std::time::Duration::from_hours(8),
        code_ttl: std::time::Duration::from_mins(10),
    };
    let (clock, entropy) = (clock.clone(), entropy.clone());
    Sandbox::new(config, Arc::new(move || clock.now()), Arc::new(move |bytes| entropy.fill(bytes)))
}

/// Signs in at the sandbox and answers its consent page, over HTTP.
async fn sandbox_login(authorize: &Url, account: &str, decision: Decision) -> Url {
    let (_, page) = http(authorize, "GET", &[]).await;
    let login = [("handle", fields(&page, "handle").remove(0)), ("account", account.to_owned())];
    let (_, page) = http(&authorize.join("login").unwrap(), "POST", &login).await;
    let mut consent = vec![("handle", fields(&page, "handle").remove(0))];
    consent.push(("decision", if matches!(decision, Decision::Deny) { "deny" } else { "approve" }.to_owned()));
    let dropped = if let Decision::Without(scope) = decision { scope } else { "" };
    consent.extend(fields(&page, "scope").into_iter().filter(|scope| scope != dropped).map(|scope| ("scope", scope)));
    let (location, page) = http(&authorize.join("consent").unwrap(), "POST", &consent).await;
    location.unwrap_or_else(|| panic!("not sent back: {page}"))
}

async fn http(url: &Url, method: &str, form: &[(&str, String)]) -> (Option<Url>, String) {
    let stream = tokio::net::TcpStream::connect(url.authority()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(hyper_util::rt::TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = Request::builder().method(method).uri(&url[url::Position::BeforePath..]);
    let request = request.header("host", url.authority()).header("content-type", "application/x-www-form-urlencoded");
    let (parts, body) = sender.send_request(request.body(body).unwrap()).await.unwrap().into_parts();
    let text = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    (parts.headers.get("location").map(|location| location.to_str().unwrap().parse().unwrap()), text)
}

fn fields(html: &str, name: &str) -> Vec<String> {
    let wanted = format!("name=\"{name}\"");
    let inputs = html.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap());
    let values = inputs.filter(|input| input.contains(&wanted)).map(|input| input.split("value=\"").nth(1).unwrap());
    values.map(|rest| rest.split('"').next().unwrap().replace("&#38;", "&")).collect()
}
