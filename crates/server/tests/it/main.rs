//! The rules, tested through HTTP: the real router, store, provider and clock-driven courier of one environment.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod accepted;
mod access_token;
mod admin;
mod api_key;
mod audit;
mod browser;
mod coming_back;
mod connect;
mod connection_report;
mod delivery;
mod destination;
mod docs;
mod environment;
mod every_route;
mod json_schema;
mod looked_at;
mod lost_answer;
mod lost_login;
mod migration;
mod mobile_token;
mod notice;
mod portable;
mod provider_app;
mod replay;
mod revocation;
mod scope;
mod signing_secret;
mod slow_client;
mod stale;
mod start;
mod stopped_node;
mod store_away;
mod support;
mod two_nodes;
mod user;
mod widget_page;
mod widget_session;
