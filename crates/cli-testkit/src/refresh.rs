//! Many due refreshes: nodes on one store, and the practice provider over HTTP.

pub mod practice;
pub mod world;
