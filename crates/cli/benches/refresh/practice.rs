//! The practice provider on a thread of its own, over HTTP, with an eye on who calls.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
};
use terra_auth::Provider;
use terra_auth_core::clock::{Clock, Entropy as _, SystemEntropy};
use terra_auth_http::{Limits, Workers, serve};
use terra_auth_outbound::{AddressPolicy, ClientCredentials, OAuthProviders, Recipes};
use terra_auth_sandbox::{Face, Sandbox, SandboxConfig};
use tokio::{net::TcpListener, runtime, sync::oneshot};
use url::Url;

/// A refresh token that it sees twice ends the whole grant.
pub(crate) const FACE: &Face = &Face::OURA;
pub(crate) const CLIENT_ID: &str = "acme";
pub(crate) const CLIENT_SECRET: &str = "test-key-not-a-secret";

/// The provider. It ends when dropped.
pub(crate) struct Practice {
    pub(crate) sandbox: Sandbox,
    pub(crate) base: Url,
    pub(crate) calls: Arc<Calls>,
    _end: oneshot::Sender<()>,
}

/// Who has called.
#[derive(Default)]
pub(crate) struct Calls {
    begun: AtomicUsize,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

impl Practice {
    /// The provider under this clock.
    pub(crate) fn start(clock: Arc<dyn Clock>) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base: Url = format!("http://{}/sandbox", listener.local_addr().unwrap()).parse().unwrap();
        let sandbox = sandbox(base.clone(), clock);
        let calls = Arc::<Calls>::default();
        let router = Router::new()
            .nest("/sandbox", sandbox.router())
            .layer(middleware::from_fn_with_state(Arc::clone(&calls), count));
        let (end, ending) = oneshot::channel::<()>();
        thread::spawn(move || {
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = TcpListener::from_std(listener).unwrap();
                serve(listener, router, Limits::default(), Workers::here(), async { drop(ending.await) }).await;
            });
        });
        Self { sandbox, base, calls, _end: end }
    }

    /// The provider as a node calls it: `budget` is a part of its recipe, such as `at_once = 4`.
    pub(crate) fn providers(&self, budget: &str, clock: Arc<dyn Clock>) -> OAuthProviders {
        let recipes = Recipes::from_toml(&recipe(&self.base, budget), "practice.toml").unwrap();
        let app = ClientCredentials::new(CLIENT_ID, CLIENT_SECRET);
        OAuthProviders::new(recipes, |_| Some(app.clone()), AddressPolicy::AllowPrivate, clock).unwrap()
    }

    /// How many grants were refreshed exactly once and are not revoked, as far as the provider knows.
    pub(crate) fn refreshed_once(&self) -> usize {
        let grants = self.sandbox.grants(FACE);
        grants.iter().filter(|grant| grant.refreshes == 1 && !grant.revoked).count()
    }
}

impl Calls {
    /// How many there were.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// How many there were at the same time.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

async fn count(State(calls): State<Arc<Calls>>, request: Request, next: Next) -> Response {
    calls.begun.fetch_add(1, Ordering::SeqCst);
    let under_way = calls.under_way.fetch_add(1, Ordering::SeqCst) + 1;
    calls.most.fetch_max(under_way, Ordering::SeqCst);
    let response = next.run(request).await;
    calls.under_way.fetch_sub(1, Ordering::SeqCst);
    response
}

pub(crate) fn provider() -> Provider {
    "OURA".parse().unwrap()
}

fn sandbox(base_url: Url, clock: Arc<dyn Clock>) -> Sandbox {
    let config = SandboxConfig {
        base_url,
        app_name: "Acme Health".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.into(),
        redirect_uris: Vec::new(),
        access_token_ttl: Duration::from_hours(8),
        code_ttl: Duration::from_mins(10),
    };
    let sandbox = Sandbox::new(config, Arc::new(move || clock.now()), Arc::new(|bytes| SystemEntropy.fill(bytes)));
    sandbox.with_max_grants(250_000)
}

fn recipe(base: &Url, budget: &str) -> String {
    format!(
        r#"[[provider]]
provider = "OURA"
name = "Oura"
types = ["daily", "sleep"]

[provider.login]
authorize_url = "{base}/oura/authorize"
token_url = "{base}/oura/token"
client_auth = "body"
identity = {{ url = "{base}/oura/userinfo", field = "sub" }}
refresh = {{ rotation = "single_use", reuse_ends_grant = true, {budget} }}
"#
    )
}
