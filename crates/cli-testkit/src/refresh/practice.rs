//! The practice provider over HTTP on a separate thread, with a count of its calls.

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
use terra_auth_egress::AddressPolicy;
use terra_auth_http::{ServerLimits, Workers, serve};
use terra_auth_model::{
    clock::{Clock, Entropy as _, SystemEntropy},
    provider::ClientCredentials,
};
use terra_auth_providers::{OAuthProviders, Recipes};
use terra_auth_sandbox::{ProviderProfile, Sandbox, SandboxConfig};
use tokio::{net::TcpListener, runtime, sync::oneshot};
use url::Url;

/// This provider revokes the complete grant when a refresh token is used twice.
pub const PROFILE: &ProviderProfile = &ProviderProfile::OURA;
/// The app's client id.
pub const CLIENT_ID: &str = "acme";
/// The app's client secret.
pub const CLIENT_SECRET: &str = "test-key-not-a-secret";

/// The provider. It stops when dropped.
pub struct Practice {
    /// The provider.
    pub sandbox: Sandbox,
    /// The base URL of its pages.
    pub base: Url,
    /// Its calls so far.
    pub calls: Arc<Calls>,
    _end: oneshot::Sender<()>,
}

/// The calls of the provider.
#[derive(Default)]
pub struct Calls {
    begun: AtomicUsize,
    in_flight: AtomicUsize,
    most: AtomicUsize,
}

impl Practice {
    /// Starts the provider with a clock.
    pub fn start(clock: Arc<dyn Clock>) -> Self {
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
                serve(listener, router, ServerLimits::default(), Workers::of_this_thread(), async {
                    drop(ending.await);
                })
                .await;
            });
        });
        Self { sandbox, base, calls, _end: end }
    }

    /// The provider's client for a node. `budget` is a part of the recipe, such as `at_once = 4`.
    pub fn providers(&self, budget: &str, clock: Arc<dyn Clock>) -> OAuthProviders {
        let recipes = Recipes::from_toml(&recipe(&self.base, budget), "practice.toml").unwrap();
        let app = ClientCredentials::new(CLIENT_ID, CLIENT_SECRET);
        OAuthProviders::new(recipes, |_| Some(app.clone()), AddressPolicy::AllowPrivate, clock).unwrap()
    }

    /// The number of grants that were refreshed exactly once and are not revoked, according to the provider.
    pub fn refreshed_once(&self) -> usize {
        let grants = self.sandbox.grants(PROFILE);
        grants.iter().filter(|grant| grant.refreshes == 1 && !grant.revoked).count()
    }
}

impl Calls {
    /// The number of calls.
    pub fn count(&self) -> usize {
        self.begun.load(Ordering::SeqCst)
    }

    /// The maximum number of concurrent calls.
    pub fn max_concurrent(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

async fn count(State(calls): State<Arc<Calls>>, request: Request, next: Next) -> Response {
    calls.begun.fetch_add(1, Ordering::SeqCst);
    let under_way = calls.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
    calls.most.fetch_max(under_way, Ordering::SeqCst);
    let response = next.run(request).await;
    calls.in_flight.fetch_sub(1, Ordering::SeqCst);
    response
}

/// The name of the provider.
pub fn provider() -> Provider {
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
