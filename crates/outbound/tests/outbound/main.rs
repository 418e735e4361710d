//! Every call, made over real HTTP: to the sandbox provider and to receivers on loopback.

mod http;
mod login;
mod provider;
mod recipe;
