use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, filter::LevelFilter, filter::Targets, layer::SubscriberExt as _, registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use terra_auth_http::ACCESS_LOG;

#[cfg(feature = "otel")]
use crate::telemetry::Traces;
use crate::ui::Output;

/// Writes what the client does to standard error, from now on.
pub(crate) fn start(output: Output) {
    let ours = Targets::new().with_target("terra_auth", LevelFilter::DEBUG);
    let lines = tracing_subscriber::fmt::layer().with_writer(anstream::stderr).with_target(false);
    let lines = if output.is_json() { lines.json().boxed() } else { lines.without_time().boxed() };
    tracing_subscriber::registry().with(ours).with(lines).init();
}

/// Writes what a server does to standard error: warnings of all parts, and what ours do.
///
/// `RUST_LOG` says otherwise, as in `RUST_LOG=terra_auth_core=trace`.
pub(crate) fn serve(output: Output, access_log: bool) {
    // With `--verbose` it has begun already.
    let _ = tracing_subscriber::registry().with(server_lines(output, access_log)).try_init();
}

/// The same, and sends traces away if the process environment says where to. What is left goes when the guard is dropped.
#[cfg(feature = "otel")]
pub(crate) fn serve_traced(output: Output, access_log: bool) -> anyhow::Result<Option<Traces>> {
    let traces = Traces::start("terra-auth-gateway")?;
    let layer = traces.as_ref().map(Traces::layer);
    let begun = tracing_subscriber::registry().with(server_lines(output, access_log)).with(layer).try_init();
    if begun.is_err() && traces.is_some() {
        tracing::warn!("--verbose shows what is done instead of sending traces away");
    }
    Ok(traces)
}

fn server_lines<S: Subscriber + for<'a> LookupSpan<'a>>(output: Output, access_log: bool) -> impl Layer<S> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        let access = if access_log { "info" } else { "off" };
        EnvFilter::new(format!(
            "warn,{ACCESS_LOG}={access},terra_auth_core=info,terra_auth_gateway=info,terra_auth_http=info,terra_auth_outbound=info,\
             terra_auth_server=info,terra_auth_store=info",
        ))
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(anstream::stderr);
    let lines = if output.is_json() { lines.json().boxed() } else { lines.boxed() };
    lines.with_filter(filter)
}
