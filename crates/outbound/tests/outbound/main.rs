//! Every call, made over real HTTP: to the sandbox provider and to receivers on loopback.

mod courier;
mod delivery;
mod http;
mod login;
mod provider;
mod receiver;
mod recipe;
mod rotation;
mod silence;
mod world;
