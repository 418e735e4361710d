//! The log of a server or gateway.

use terra_auth_http::ACCESS_LOG;
use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::terminal::ui::Output;

#[cfg(feature = "otel")]
use crate::service::telemetry::Traces;

/// Starts logging the client's actions to standard error.
pub(crate) fn start_client_log(output: Output) {
    let ours = Targets::new().with_target("terra_auth", LevelFilter::DEBUG);
    let lines = tracing_subscriber::fmt::layer().with_writer(anstream::stderr).with_target(false);
    let lines = if output.is_json() { lines.json().boxed() } else { lines.without_time().boxed() };
    tracing_subscriber::registry().with(ours).with(lines).init();
}

/// Starts a server's log on standard error: warnings of all crates, and information of ours.
///
/// `RUST_LOG` overrides this, as in `RUST_LOG=terra_auth_core=trace`.
pub(crate) fn start_server_log(output: Output, access_log: bool) {
    // With `--verbose`, logging has started already.
    let _ = tracing_subscriber::registry().with(server_lines(output, access_log)).try_init();
}

/// Like [`serve`], and exports traces if the process environment names a collector. Dropping the
/// guard exports the last ones.
#[cfg(feature = "otel")]
pub(crate) fn start_server_log_with_traces(output: Output, access_log: bool) -> anyhow::Result<Option<Traces>> {
    let traces = Traces::start("terra-auth-gateway")?;
    let layer = traces.as_ref().map(Traces::layer);
    let begun = tracing_subscriber::registry().with(server_lines(output, access_log)).with(layer).try_init();
    if begun.is_err() && traces.is_some() {
        tracing::warn!("traces are not exported with --verbose");
    }
    Ok(traces)
}

fn server_lines<S: Subscriber + for<'a> LookupSpan<'a>>(output: Output, access_log: bool) -> impl Layer<S> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        let access = if access_log { "info" } else { "off" };
        EnvFilter::new(format!(
            "warn,{ACCESS_LOG}={access},terra_auth_core=info,terra_auth_delivery=info,terra_auth_egress=info,\
             terra_auth_gateway=info,terra_auth_http=info,terra_auth_model=info,terra_auth_providers=info,\
             terra_auth_server=info,terra_auth_store=info",
        ))
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(anstream::stderr);
    let lines = if output.is_json() { lines.json().boxed() } else { lines.boxed() };
    lines.with_filter(filter)
}
