use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, thread};

use anyhow::Context as _;
use axum::{Router, middleware::from_fn_with_state};
use metrics_exporter_prometheus::PrometheusHandle;
use terra_auth_gateway::Gateway;
use terra_auth_http::{Certificates, ServerLimits, StrictTransport, Workers, security_headers, serve, serve_tls};
use tokio::{net::TcpListener, time::Duration};

use super::{
    destination::WebhookDestination,
    operations,
    options::Options,
    reload::Reloader,
    sources::{MissingSecret, Sources},
    summary::Summary,
    welcome::{Addresses, Welcome},
};
use crate::{app::App, logging, node::listen, open_options::InstanceSharing, shutdown::Shutdown};

/// Time for requests in flight at shutdown: the longest call to the upstream or to the app.
const GRACE_PERIOD: Duration = Duration::from_secs(12);
/// Connection limit of the operator's listener; enough for metrics and health checks.
const OPERATIONS_CONNECTIONS: usize = 256;

/// Serves until shutdown is requested, then finishes the requests in flight. A second request stops it at once.
pub(super) fn run(options: Options, app: &App) -> anyhow::Result<()> {
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
            Some(address) => Some((listen(address).await?, operations::install_recorder()?)),
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
        let shutdown = Shutdown::listen(GRACE_PERIOD);
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
                let router = operations::router(&gateway, handle.clone());
                let limits = ServerLimits { connections: limits.connections.min(OPERATIONS_CONNECTIONS), ..limits };
                let answer = serve(listener, router, limits, Workers::of_this_thread(), shutdown.requested());
                tokio::join!(answer, operations::run_upkeep(handle, shutdown.requested()));
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
