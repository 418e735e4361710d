use std::{net::SocketAddr, num::NonZeroUsize, sync::Arc, thread};

use anyhow::Context as _;
use axum::{Router, middleware::from_fn_with_state};
use metrics_exporter_prometheus::PrometheusHandle;
use terra_auth_gateway::Gateway;
use terra_auth_http::{Certificates, Limits, StrictTransport, Workers, security_headers, serve, serve_tls};
use tokio::{net::TcpListener, time::Duration};

use super::{
    destination::Destination,
    operations,
    options::Options,
    reload::Reloader,
    sources::{Missing, Sources},
    summary::Summary,
    welcome::{Addresses, Welcome},
};
use crate::{app::App, logging, node::listen, opening::Share, shutdown::Shutdown};

/// The longest call to the upstream or to the app.
const GRACE: Duration = Duration::from_secs(12);

/// Enough for metrics and health checks.
const OPERATIONS_CONNECTIONS: usize = 256;

/// Answers until the process is asked to end, then lets what is in flight finish; asked twice, it ends at once.
pub(super) fn run(options: Options, app: &App) -> anyhow::Result<()> {
    #[cfg(feature = "otel")]
    let _traces = logging::serve_traced(app.ui.output, options.connections.access_log())?;
    #[cfg(not(feature = "otel"))]
    logging::serve(app.ui.output, options.connections.access_log());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("could not start")?;
    runtime.block_on(async {
        let prepared = Prepared::new(options, app).await?;
        prepared.serve().await;
        app.ui.note("ended; everything is kept")?;
        Ok(())
    })
}

/// A gateway that is ready and does not answer yet.
pub(crate) struct Prepared {
    gateway: Gateway,
    listener: TcpListener,
    certificates: Option<Arc<Certificates>>,
    operations: Option<(TcpListener, PrometheusHandle)>,
    workers: Workers,
    limits: Limits,
    reloader: Reloader,
    shutdown: Shutdown,
}

impl Prepared {
    pub(crate) async fn new(options: Options, app: &App) -> anyhow::Result<Self> {
        let makes_secret = options.places.makes_forward_secret();
        let sources = Sources::read(&options, app.environment, Missing::Make)?;
        let settings = &sources.config.settings;
        // Taken first, so that a port in use leaves nothing behind.
        let listener = listen(settings.listen.context("there is no address to listen on")?).await?;
        let operations = match settings.operations_listen {
            Some(address) => Some((listen(address).await?, operations::record()?)),
            None => None,
        };
        options.places.make_dir_of(&sources.store)?;
        let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let workers = Workers::start(workers).context("could not start a thread for each core")?;
        let limits = options.connections.limits(GRACE)?;
        let store = options.opening.open(&sources.store, Share::Together, app.ui).await?;
        let gateway = sources.gateway(store)?;
        let certificates = sources.certificates.clone();
        let operations_listener = operations.as_ref().map(|(listener, _)| listener);
        let addresses = Addresses::of(&listener, operations_listener, certificates.is_some())?;
        for warning in Summary::of(&sources, &options).warnings {
            app.ui.warn(&warning)?;
        }
        let destination =
            Destination::of(&sources.config.credentials, listener.local_addr()?, certificates.is_some()).await;
        if let Some(warning) = destination.warning() {
            app.ui.warn(&warning)?;
        }
        let welcome =
            Welcome { addresses, sources: &sources, places: &options.places, makes_secret, destination: &destination };
        let (plain, json) = (welcome.to_string(), welcome.json());
        let reloader = Reloader::new(options, app.environment, gateway.clone(), sources)?;
        let shutdown = Shutdown::listen(GRACE);
        // Only now is it safe to send signals.
        app.ui.line(|| plain, &json)?;
        Ok(Self { gateway, listener, certificates, operations, workers, limits, reloader, shutdown })
    }

    /// The address that it has.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    pub(crate) async fn serve(self) {
        let Self { gateway, listener, certificates, operations, workers, limits, reloader, shutdown } = self;
        let mut router = gateway.router();
        if certificates.is_some() {
            router = router.layer(from_fn_with_state(StrictTransport::On, security_headers));
        }
        let answer = answer(listener, router, certificates, limits, &workers, &shutdown);
        let operate = Box::pin(async {
            if let Some((listener, handle)) = operations {
                let router = operations::router(&gateway, handle.clone());
                let limits = Limits { connections: limits.connections.min(OPERATIONS_CONNECTIONS), ..limits };
                let answer = serve(listener, router, limits, Workers::here(), shutdown.asked());
                tokio::join!(answer, operations::keep_up(handle, shutdown.asked()));
            }
        });
        let late = "some events were not forwarded in time; they are forwarded after the next start";
        let forward = shutdown.with_patience(Box::pin(gateway.forward(shutdown.asked())), late);
        let reload = tokio::spawn(reloader.run(shutdown.asked()));
        let reconcile = Box::pin(gateway.reconcile_regularly(shutdown.asked()));
        shutdown.of(async { tokio::join!(answer, operate, forward, reconcile, reload) }).await;
    }
}

/// The workers outlive it: others may use connections that were opened there.
async fn answer(
    listener: TcpListener,
    router: Router,
    certificates: Option<Arc<Certificates>>,
    limits: Limits,
    workers: &Workers,
    shutdown: &Shutdown,
) {
    let (workers, asked) = (workers.clone(), shutdown.asked());
    match certificates {
        Some(certificates) => serve_tls(listener, router, limits, workers, certificates, asked).await,
        None => serve(listener, router, limits, workers, asked).await,
    }
}
