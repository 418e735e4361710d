//! Admin commands of the real binary against the real server.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod access;
mod audit;
mod connections;
mod destinations;
mod dry_run;
mod environments;
mod hosted;
mod keys;
mod migrate;
mod nodes;
mod promote;
mod provider_apps;
mod revocations;
mod script;
mod signing_secret;
mod support;
mod tokens;
