//! Requests in: the accept loop and its limits, TLS, and the common handling of requests and responses in server and gateway.

mod access;
mod body;
mod capacity;
mod certificates;
mod connections;
mod head;
mod headers;
pub(crate) mod limits;
mod problem;
mod serve;
mod silence;
mod trace_context;
mod workers;

pub use crate::limits::{Peer, ServerLimits};
pub use access::{ACCESS_LOG, Refused, RequestLog};
pub use body::{BodyError, read_body};
pub use certificates::{CertificateError, Certificates};
pub use connections::network;
pub use headers::{StrictTransport, security_headers};
pub use problem::{TRACE_ID, as_problem, meaning, problem, problem_response, trace_id_value};
pub use serve::{serve, serve_tls};
pub use trace_context::{TraceContext, Tracer, set_tracer};
pub use workers::Workers;
