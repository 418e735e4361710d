//! The accept loop: bounds on connections, on slow clients, and on the time to say goodbye; with TLS or without.

mod certificates;
mod serve;
mod silence;
mod workers;

pub use certificates::{CertificateError, Certificates};
pub use serve::{Limits, Peer, serve, serve_tls};
pub use workers::Workers;
