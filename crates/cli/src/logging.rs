use tracing_subscriber::{
    EnvFilter, Layer as _, filter::LevelFilter, filter::Targets, layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use crate::ui::Output;

/// Writes what the client does to standard error, from now on.
pub(crate) fn start(output: Output) {
    let ours = Targets::new().with_target("terra_auth", LevelFilter::DEBUG);
    let lines = tracing_subscriber::fmt::layer().with_writer(anstream::stderr).with_target(false);
    let lines = match output {
        Output::Plain => lines.without_time().boxed(),
        Output::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry().with(ours).with(lines).init();
}

/// Writes what a server does to standard error: warnings of all parts, and what ours do.
///
/// `RUST_LOG` says otherwise, as in `RUST_LOG=terra_auth_core=trace`.
pub(crate) fn serve(output: Output) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| {
        EnvFilter::new(
            "warn,terra_auth_core=info,terra_auth_gateway=info,terra_auth_listen=info,terra_auth_outbound=info,\
             terra_auth_server=info,terra_auth_store=info",
        )
    });
    let lines = tracing_subscriber::fmt::layer().with_writer(anstream::stderr);
    let lines = match output {
        Output::Plain => lines.boxed(),
        Output::Json => lines.json().boxed(),
    };
    // With `--verbose` it has begun already.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}
