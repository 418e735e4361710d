//! The recipes and the OAuth client over real HTTP: against the sandbox provider, and against scripted providers on loopback.

mod builtin;
mod check;
mod faces;
mod life;
mod oddities;
mod parrot;
mod profiles;
mod provider;
mod quirks;
mod recipe;
mod refresh;
