//! The client against a peer whose responses the test chooses, on a real socket.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod admin;
mod connection;
mod diagnosis;
mod integration;
mod mobile_token;
mod network;
mod peer;
mod refusal;
mod repeat;
mod revocation;
mod secrecy;
mod streaming_token;
mod subscription;
mod widget_session;
