//! A client for the Terra authentication API, hosted or self-hosted.
//!
//! ```no_run
//! use terra_auth::{Client, Environment, WidgetSessionRequest};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::from_environment(Environment::Testing)?;
//!
//! let request = WidgetSessionRequest::new()
//!     .reference_id(&"alice".parse()?)
//!     .providers(["FITBIT".parse()?, "GARMIN".parse()?])
//!     .auth_success_redirect_url("https://app.example.com/connected");
//! let session = client.generate_widget_session(&request).await?;
//! println!("send the end user to {} before {}", session.url, session.expires_at);
//!
//! let token = client.generate_mobile_token(None).await?;
//! println!("the mobile app has {} s to use {}", token.expires_in, token.token.expose());
//! # Ok(())
//! # }
//! ```
//!
//! # Keys
//!
//! Each [`Environment`] has a file, `.env.terra.testing` and so on:
//!
//! ```text
//! TERRA_DEV_ID=acme-testing-0000000000
//! TERRA_API_KEY=test-key-not-a-secret
//! TERRA_SIGNING_SECRET=test-secret-not-a-secret
//! TERRA_API_URL=http://127.0.0.1:8080/v2
//! ```
//!
//! The process environment takes precedence if it has both keys. All values come from one source, never from two, and
//! keys of another environment are rejected; [`credentials`] documents the rules. Without `TERRA_API_URL`, the client
//! uses the hosted API. Keys are sent unencrypted only on loopback or, if [`ALLOW_PRIVATE_HTTP`] allows it, inside a
//! private network. Use keys on a backend only, because they give access to every end user's data.
//!
//! # Timeouts and retries
//!
//! The timeout is 5 s for connecting, and 30 s for a response with its body. The size of a body is limited.
//! Redirects are not followed, because the key would be sent along.
//!
//! Calls that read are retried twice after a temporary failure, but not after the 30 s timeout. Other calls are
//! retried only if the server has certainly not processed them: it could not be reached, or it rejected the
//! call with a `Retry-After`. The client waits for `Retry-After` up to 10 s, and leaves a longer wait to the
//! caller. Deleting a user counts as another call: a retry after a lost response would report "not found" for a
//! user that the first attempt deleted.
//!
//! # Errors
//!
//! All calls return one enum, [`Error`]. Each variant requires a different reaction of the caller, and its text
//! names the next step. Errors, log lines and the `Debug` output of return values never contain a key, a token
//! or a login link.
//!
//! # Administration
//!
//! [`admin::AdminClient`] manages keys, environments and admin tokens of a self-hosted server, with an admin token.
//!
//! # Webhooks
//!
//! [`webhook`] verifies the signature of a delivery; [`wire::Event`] parses its body.

pub mod admin;
mod client;
mod clock;
mod connection;
pub mod credentials;
pub mod diagnosis;
mod endpoints;
mod error;
mod hosted;
mod integration;
mod mobile_token;
pub mod ownership;
mod private_http;
mod raw;
mod redirect;
mod streaming_token;
mod subscription;
mod trace;
pub(crate) mod transport;
mod widget_session;

pub use crate::transport::response::RawCallResponse;
pub use client::{Client, ClientBuilder};
pub use clock::Clock;
pub use connection::{AuthenticateUserRequest, LoginLink};
pub use credentials::{Credentials, CredentialsError};
pub use error::{ApiProblem, Error};
pub use integration::Integration;
pub use mobile_token::MobileToken;
pub use private_http::ALLOW_PRIVATE_HTTP;
pub use raw::{InvalidRawCall, RawCall};
pub use redirect::InvalidRedirect;
pub use terra_auth_types as types;
pub use terra_auth_types::{
    AdminToken, ApiKey, ClientSecret, DevId, Environment, InvalidId, InvalidProvider, KeyId, Provider, ProviderToken,
    ReferenceId, Scope, Scopes, SessionId, SigningSecret, StreamingToken, UnknownEnvironment, UnknownScope, UserId,
    time, wire,
};
pub use terra_auth_webhook as webhook;
pub use trace::traced;
pub use widget_session::{WidgetSession, WidgetSessionRequest};
