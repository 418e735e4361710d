//! `terra-auth gateway`: runs a gateway, and checks its settings.

mod events;
mod options;
mod reload;
mod sources;
mod summary;
mod welcome;

use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, thread};

use anyhow::Context as _;
use axum::{Router, middleware::from_fn_with_state};
use clap::Subcommand;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;
use terra_auth_gateway::Gateway;
use terra_auth_http::{Certificates, ServerLimits, StrictTransport, Workers, security_headers, serve, serve_tls};
use terra_auth_store as store;
use tokio::{net::TcpListener, time::Duration};

use crate::{
    app::App,
    command::gateway::{
        reload::Reloader,
        sources::{MissingSecret, Sources},
        summary::Summary,
        welcome::{Addresses, WebhookDestination, Welcome},
    },
    failure::{CommandError, FailureKind},
    service::{logging, node::listen, open_options::InstanceSharing, shutdown::Shutdown},
    terminal::ui::table,
};
pub(crate) use options::{GatewayPaths, Options};

/// Run a gateway beside your app: check its login, create tokens and sessions, receive webhooks
///
/// The app's web pages and mobile apps call the gateway. The gateway checks the app's own login and
/// calls Terra's API for the logged-in user. Its API keys are never sent to a page or a mobile app.
/// It receives events at /webhooks/terra, stores them, and forwards them to the app, signed with its
/// own secret. SIGHUP reloads settings, keys and secrets without dropping a request.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth gateway --who-am-i http://localhost:3000/me --forward-to http://localhost:3000/hooks",
    "terra-auth gateway --env production --config /etc/terra-auth-gateway/gateway.toml",
    "terra-auth gateway check --env production",
])]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Check settings, keys and secrets, and print the effective values and their sources
    ///
    /// Reads the same files and variables as a start. Opens no port and creates no files.
    #[command(after_help = examples![
        "terra-auth gateway check --env production",
        "terra-auth gateway check --config /etc/terra-auth-gateway/gateway.toml --output json",
    ])]
    Check(Box<Options>),
    #[command(subcommand)]
    Events(events::Command),
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Some(command) = self.command else { return serve_until_stopped(self.options, app) };
        if self.options != Options::default() {
            let message = "an option before the subcommand has no effect";
            return Err(CommandError::new(FailureKind::Misused, message, "write it after the subcommand").into());
        }
        match command {
            Command::Check(options) => check(&options, app),
            Command::Events(command) => command.run(app),
        }
    }
}

/// Reads the same sources as a start, and prints the effective settings.
pub(super) fn check(options: &Options, app: &App) -> anyhow::Result<()> {
    let sources = Sources::read(options, app.environment, MissingSecret::Ignore)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // An in-memory store, because a check must not create the real one.
    runtime.block_on(async { sources.gateway(store::open(&"sqlite::memory:".into()).await?) })?;
    let summary = Summary::of(&sources, options);
    for warning in &summary.warnings {
        app.ui.warn(warning)?;
    }
    let rows = || summary.rows.iter().map(|row| [row.setting.clone(), row.value.clone(), row.origin.clone()]);
    let json = json!({ "settings": summary.rows, "warnings": summary.warnings });
    app.ui.result(|| table(["Setting", "Value", "From"], rows()), &json)
}

/// Time for requests in flight at shutdown: the longest call to the upstream or to the app.
const GRACE_PERIOD: Duration = Duration::from_secs(12);

/// Connection limit of the operator's listener; enough for metrics and health checks.
const OPERATIONS_CONNECTIONS: usize = 256;

/// Serves until shutdown is requested, then finishes the requests in flight. A second request stops it at once.
pub(super) fn serve_until_stopped(options: Options, app: &App) -> anyhow::Result<()> {
    #[cfg(feature = "otel")]
    let _traces = logging::start_server_log_with_traces(app.ui.output, options.connections.access_log())?;
    #[cfg(not(feature = "otel"))]
    logging::start_server_log(app.ui.output, options.connections.access_log());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("could not start")?;
    runtime.block_on(async {
        let prepared = PreparedGateway::new(options, app).await?;
        prepared.serve().await;
        app.ui.note("stopped; all data is stored")?;
        Ok(())
    })
}

/// A gateway that is ready to serve but does not accept connections yet.
pub(crate) struct PreparedGateway {
    gateway: Gateway,
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
    operations: Option<(TcpListener, PrometheusHandle)>,
    workers: Workers,
    limits: ServerLimits,
    reloader: Reloader,
    shutdown: Shutdown,
}

impl PreparedGateway {
    pub(crate) async fn new(options: Options, app: &App) -> anyhow::Result<Self> {
        let created_secret = options.paths.creates_forward_secret();
        let sources = Sources::read(&options, app.environment, MissingSecret::Create)?;
        let settings = &sources.config.settings;
        // The port comes first: if it is in use, nothing was created yet.
        let listener = listen(settings.listen.context("no listen address given")?).await?;
        let operations = match settings.operations_listen {
            Some(address) => Some((listen(address).await?, welcome::install_recorder()?)),
            None => None,
        };
        options.paths.create_dir_of_store(&sources.store)?;
        let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let workers = Workers::start(workers).context("could not start a thread for each core")?;
        let limits = options.connections.limits(GRACE_PERIOD)?;
        let store = options.opening.open(&sources.store, InstanceSharing::Shared, app.ui).await?;
        let gateway = sources.gateway(store)?;
        let certificates = sources.certificates.clone();
        let operations_listener = operations.as_ref().map(|(listener, _)| listener);
        let addresses = Addresses::of(&listener, operations_listener, certificates.is_some())?;
        for warning in Summary::of(&sources, &options).warnings {
            app.ui.warn(&warning)?;
        }
        let destination = WebhookDestination::find_or_set(
            &sources.config.credentials,
            listener.local_addr()?,
            certificates.is_some(),
        )
        .await;
        if let Some(warning) = destination.warning() {
            app.ui.warn(&warning)?;
        }
        let welcome =
            Welcome { addresses, sources: &sources, paths: &options.paths, created_secret, destination: &destination };
        let (plain, json) = (welcome.to_string(), welcome.json());
        let reloader = Reloader::new(options, app.environment, gateway.clone(), sources)?;
        let shutdown = Shutdown::listen(GRACE_PERIOD)?;
        // Printed last, because a supervisor may send signals as soon as it reads this line.
        app.ui.line(|| plain, &json)?;
        Ok(Self { gateway, listener, certificates, operations, workers, limits, reloader, shutdown })
    }

    /// The address that the gateway listens on.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    pub(crate) async fn serve(self) {
        let Self { gateway, listener, certificates, operations, workers, limits, reloader, shutdown } = self;
        let mut router = gateway.router();
        if certificates.is_some() {
            router = router.layer(from_fn_with_state(StrictTransport::On, security_headers));
        }
        let answer = serve_routes(listener, router, certificates, limits, &workers, &shutdown);
        let operate = Box::pin(async {
            if let Some((listener, handle)) = operations {
                let router = welcome::router(&gateway, handle.clone());
                let limits = ServerLimits { connections: limits.connections.min(OPERATIONS_CONNECTIONS), ..limits };
                let answer = serve(listener, router, limits, Workers::of_this_thread(), shutdown.requested());
                tokio::join!(answer, welcome::run_upkeep(handle, shutdown.requested()));
            }
        });
        let late = "some events were not forwarded before the shutdown; they are forwarded after the next start";
        let forward = shutdown.with_grace_period(Box::pin(gateway.forward(shutdown.requested())), late);
        let reload = tokio::spawn(reloader.run(shutdown.requested()));
        let reconcile = Box::pin(gateway.reconcile_regularly(shutdown.requested()));
        shutdown.wait_for(async { tokio::join!(answer, operate, forward, reconcile, reload) }).await;
    }
}

/// Serves the gateway's routes. The workers must outlive this call, because other tasks may use connections that
/// were opened on their threads.
async fn serve_routes(
    listener: TcpListener,
    router: Router,
    certificates: Option<Arc<Certificates>>,
    limits: ServerLimits,
    workers: &Workers,
    shutdown: &Shutdown,
) {
    let (workers, asked) = (workers.clone(), shutdown.requested());
    match certificates {
        Some(certificates) => serve_tls(listener, router, limits, workers, certificates, asked).await,
        None => serve(listener, router, limits, workers, asked).await,
    }
}
