//! Complete flows through the sandbox's router, with the requests of a browser and an app's server.

mod answers;
mod app;
mod authorize;
mod consent;
mod faults;
mod pages;
mod resource;
mod revoke;
mod rotation;
mod token;
