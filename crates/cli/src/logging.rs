use tracing_subscriber::{
    filter::LevelFilter, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Writes what the client does to standard error, from now on.
pub(crate) fn start() {
    let ours = Targets::new().with_target("terra_auth", LevelFilter::DEBUG);
    let lines = tracing_subscriber::fmt::layer().with_writer(anstream::stderr).without_time().with_target(false);
    tracing_subscriber::registry().with(ours).with(lines).init();
}
