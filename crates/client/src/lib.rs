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
//! The process environment wins if it holds both keys. All values come from one source, never from two, and keys of
//! another environment are refused; [`Credentials`] has the rules. Without `TERRA_API_URL` the hosted API is asked. Keys travel
//! unencrypted on loopback only, or inside a private network where [`ALLOW_PRIVATE_HTTP`] allows it.
//! Keys belong on a backend: whoever holds them reads every end user's data.
//!
//! # What it does about the network
//!
//! Connecting may take 5 s, an answer with its body 30 s, a body has a cap, and no redirect is followed, because the
//! key would travel along. Reads are repeated twice after a failure that may pass, but not after 30 s have passed.
//! Anything else is repeated only where the server surely did nothing: it could not be reached, or refused with a
//! `Retry-After`. That wait is kept up to 10 s; a longer one is left to the caller. Removing a user counts as "anything
//! else": repeated after a lost answer it would say "not found" about a user it had removed.
//!
//! # Errors
//!
//! One enum, [`Error`]: each variant is something else for the caller to do, and its text says what. No error, no log
//! line and no `Debug` output of what a method returns shows a key, a token or a link that opens a login.
//!
//! # Administration
//!
//! [`admin::AdminClient`] makes and ends keys, environments and admin tokens of a server of your own, with an admin token.
//!
//! # Webhooks
//!
//! [`webhook`] verifies a delivery's signature; [`wire::Event`] reads its body.

pub mod admin;
mod client;
mod clock;
mod connection;
pub mod credentials;
pub mod diagnosis;
mod endpoints;
mod error;
mod integration;
mod mobile_token;
pub mod ownership;
mod private_http;
mod raw;
mod redirect;
mod streaming_token;
mod subscription;
mod trace;
mod transport;
mod widget_session;

pub use client::{Client, ClientBuilder};
pub use clock::Clock;
pub use connection::{AuthenticateUserRequest, LoginLink};
pub use credentials::{Credentials, CredentialsError};
pub use error::{Error, Refusal};
pub use integration::Integration;
pub use mobile_token::MobileToken;
pub use private_http::ALLOW_PRIVATE_HTTP;
pub use raw::{InvalidRawCall, RawAnswer, RawCall};
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
