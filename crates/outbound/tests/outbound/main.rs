//! Every call, made over real HTTP: to the sandbox provider and to receivers on loopback.

mod builtin;
mod check;
mod delivery;
mod delivery_worker;
mod faces;
mod http;
mod life;
mod login;
mod oddities;
mod parrot;
mod profiles;
mod provider;
mod quirks;
mod receiver;
mod recipe;
mod refresh;
mod rotation;
mod silence;
mod world;
