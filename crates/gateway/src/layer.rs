use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    BoxError, Router,
    body::{Body, Bytes, HttpBody},
    http::Request,
    response::{IntoResponse, Response},
};
use tower::{Layer, Service, ServiceExt as _};

use crate::gateway::Gateway;

impl Gateway {
    /// A tower layer that serves the gateway's paths in front of an app's own service, in the same
    /// process.
    ///
    /// ```no_run
    /// # use axum::{Router, routing::get};
    /// # fn example(gateway: terra_auth_gateway::Gateway) -> Router {
    /// Router::new().route("/", get(|| async { "the app" })).layer(gateway.layer())
    /// # }
    /// ```
    ///
    /// Run [`Gateway::forward`] and [`Gateway::reconcile_regularly`] in the background.
    #[must_use]
    pub fn layer(&self) -> GatewayLayer {
        GatewayLayer { router: self.router() }
    }
}

/// The layer that puts a gateway in front of a service; created by [`Gateway::layer`].
#[derive(Clone, Debug)]
pub struct GatewayLayer {
    router: Router,
}

/// A service with a gateway in front of it.
#[derive(Clone, Debug)]
pub struct WithGateway<S> {
    router: Router,
    inner: S,
}

impl<S> Layer<S> for GatewayLayer {
    type Service = WithGateway<S>;

    fn layer(&self, inner: S) -> WithGateway<S> {
        WithGateway { router: self.router.clone(), inner }
    }
}

impl<S, B> Service<Request<B>> for WithGateway<S>
where
    S: Service<Request<B>>,
    S::Response: IntoResponse,
    S::Future: Send + 'static,
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if is_ours(request.uri().path()) {
            let answer = self.router.clone().oneshot(request.map(Body::new));
            return Box::pin(async move { Ok(answer.await.into_response()) });
        }
        let answer = self.inner.call(request);
        Box::pin(async move { answer.await.map(IntoResponse::into_response) })
    }
}

fn is_ours(path: &str) -> bool {
    path.starts_with("/api/terra/") || ["/webhooks/terra", "/terra.js", "/terra.d.ts"].contains(&path)
}
