//! Servers on loopback.

use axum::Router;
use tokio::net::TcpListener;
use url::Url;

/// A listener and its URL. Nothing responds there yet.
pub async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    (listener, url)
}

/// Serves until the test's runtime ends.
pub fn answer(listener: TcpListener, router: Router) {
    tokio::spawn(async { axum::serve(listener, router).await.unwrap() });
}

/// Binds a listener and serves.
pub async fn serve(router: Router) -> Url {
    let (listener, url) = listen().await;
    answer(listener, router);
    url
}
