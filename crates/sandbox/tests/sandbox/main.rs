//! Whole flows through the sandbox's router, as a browser and an app's server would make them.

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
