mod listing;
mod picture;

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use terra_auth::{Client, Credentials, Environment};
use terra_auth_model::clock::Clock;
use terra_auth_testkit::FixedClock;
use tokio::net::TcpListener;
use url::Url;

use super::Catalogue;
use crate::breaker::{Breaker, UpstreamError};

/// A catalogue and the API that it calls.
struct World {
    catalogue: Catalogue,
    breaker: Breaker,
    clock: Arc<FixedClock>,
    api: Arc<Api>,
}

struct Api {
    url: Url,
    lists_asked: AtomicUsize,
    pictures_asked: AtomicUsize,
    list: Mutex<List>,
}

/// The API's response to a request for its integrations.
#[derive(Clone)]
enum List {
    Providers(Value),
    Failure,
    Silence,
}

impl World {
    /// The API offers one provider; [`picture`] serves its logo at the path `logo`.
    async fn with_logo(logo: &str) -> Self {
        let world = Self::start().await;
        world.api.offers(&[("FITBIT", world.api.url.join(logo).unwrap().as_str())]);
        world
    }

    async fn start() -> Self {
        let api = Api::start().await;
        let keys = ("acme-testing-0000000000".parse().unwrap(), "test-key-not-a-secret".into());
        let mut credentials = Credentials::new(Environment::Testing, keys.0, keys.1);
        credentials.api_url = api.url.join("v2").unwrap();
        let client = Client::builder(credentials.clone()).retries(0).no_proxy().build().unwrap();
        let clock = Arc::new(FixedClock::default());
        let shared: Arc<dyn Clock> = clock.clone();
        let catalogue = Catalogue::new(client, &credentials, Arc::clone(&shared)).unwrap();
        Self { catalogue, breaker: Breaker::new(&crate::settings::UpstreamSettings::default(), shared), clock, api }
    }

    fn pass(&self, by: SignedDuration) {
        self.clock.advance(by);
    }

    /// The offered providers.
    async fn offered(&self) -> Result<Vec<String>, UpstreamError> {
        let listing = self.catalogue.listing(&self.breaker).await?;
        Ok(listing.integrations.iter().map(|offered| offered.resource.clone()).collect())
    }

    /// The content type of a provider's logo, if there is one.
    async fn shown(&self, resource: &str) -> Option<&'static str> {
        let picture = self.catalogue.logo(&resource.parse().unwrap(), &self.breaker).await?;
        Some(picture.content_type)
    }
}

impl Api {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
        let (lists_asked, pictures_asked) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let api = Arc::new(Self { url, lists_asked, pictures_asked, list: Mutex::new(List::Failure) });
        let router = Router::new()
            .route("/v2/integrations/detailed", get(list))
            .route("/logo/{name}", get(picture))
            .with_state(Arc::clone(&api));
        tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
        api
    }

    /// Offers providers, each with the URL of its logo.
    fn offers(&self, providers: &[(&str, &str)]) {
        let provider = |(name, icon): &(&str, &str)| json!({"provider": name, "name": name, "icon": icon});
        self.answers(List::Providers(providers.iter().map(provider).collect()));
    }

    fn answers(&self, list: List) {
        *self.list.lock().unwrap() = list;
    }

    fn lists_asked(&self) -> usize {
        self.lists_asked.load(SeqCst)
    }

    fn pictures_asked(&self) -> usize {
        self.pictures_asked.load(SeqCst)
    }

    /// Waits until the list was requested this many times, in the background.
    async fn was_asked(&self, lists: usize) {
        for _ in 0..500 {
            if self.lists_asked() == lists {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the list was requested {} times, not {lists}", self.lists_asked());
    }
}

async fn list(State(api): State<Arc<Api>>) -> Response {
    api.lists_asked.fetch_add(1, SeqCst);
    let list = api.list.lock().unwrap().clone();
    match list {
        List::Providers(providers) => axum::Json(json!({"status": "success", "providers": providers})).into_response(),
        List::Failure => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        List::Silence => pending().await,
    }
}

async fn picture(State(api): State<Arc<Api>>, Path(name): Path<String>) -> Response {
    api.pictures_asked.fetch_add(1, SeqCst);
    let typed = |content_type: &str, size| ([(header::CONTENT_TYPE, content_type)], vec![0; size]).into_response();
    match name.as_str() {
        "page" => typed("text/html", 10),
        "script" => typed("text/javascript; image/png", 10),
        "untyped" => Body::from("picture").into_response(),
        "large" => typed("image/png", 256 * 1024),
        "too-large" => typed("image/png", 256 * 1024 + 1),
        "moved" => Redirect::temporary("/logo/png").into_response(),
        "parameters" => typed("IMAGE/WEBP; charset=binary", 10),
        "broken" => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        kind => typed(&format!("image/{kind}"), 10),
    }
}
