//! Serves a sandbox at <http://127.0.0.1:8788/sandbox>, to show its pages. Open this URL, without the line breaks:
//!
//! ```text
//! http://127.0.0.1:8788/sandbox/fitbit/authorize?client_id=demo-app&response_type=code
//! &redirect_uri=http://127.0.0.1:8788/callback
//! &code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256
//! ```

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
    time::Duration,
};

use axum::{Router, routing::get};
use jiff::Timestamp;
use terra_auth_sandbox::{Sandbox, SandboxConfig};
use url::Url;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = SandboxConfig {
        base_url: Url::parse("http://127.0.0.1:8788/sandbox")?,
        app_name: "Acme Health".to_owned(),
        client_id: "demo-app".to_owned(),
        client_secret: "test-key-not-a-secret".into(),
        redirect_uris: vec![Url::parse("http://127.0.0.1:8788/callback")?],
        access_token_ttl: Duration::from_hours(8),
        code_ttl: Duration::from_mins(10),
    };
    let sandbox = Sandbox::new(config, Arc::new(|| Timestamp::UNIX_EPOCH), Arc::new(fill));
    let app = Router::new().nest("/sandbox", sandbox.router()).route("/callback", get(async || "back at the app"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8788").await?;
    axum::serve(listener, app).await?;
    Ok(())
}

/// Fills a buffer with bytes that differ each time, which is enough to show the pages.
fn fill(bytes: &mut [u8]) {
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&RandomState::new().hash_one(0).to_le_bytes()[..chunk.len()]);
    }
}
