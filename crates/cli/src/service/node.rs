//! A complete server in one process: store, operations, providers, routes and delivery worker.

use std::{io, net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use axum::{Router, middleware::from_fn_with_state};
use secrecy::SecretString;
use terra_auth_core::{
    Auth, Dependencies,
    admin::action::Admin,
    node::{directory::Directory, outbox::Outbox},
};
use terra_auth_delivery::{DeliveryWorker, Observer};
use terra_auth_egress::AddressPolicy;
use terra_auth_http::{ServerLimits, StrictTransport, Workers, security_headers, serve};
use terra_auth_model::{
    causes::Causes,
    clock::{Clock, Entropy, SystemClock, SystemEntropy, SystemSteadyClock},
    keys::{KeyRing, MasterKeySource, MasterKeys, OpenVaultError},
    provider::ClientCredentials,
    store::Store,
};
use terra_auth_providers::{OAuthProviders, Recipes};
use terra_auth_sandbox::{Sandbox, SandboxConfig};
use terra_auth_server::DevAccess;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Duration, timeout},
};
use url::Url;

use crate::{
    credentials::private_file::random_hex,
    failure::{CommandError, FailureKind},
    service::{
        known_stores::KnownStores,
        open_options::{ConnectionOptions, InstanceSharing, OpenOptions, with_remedy},
        provider_files::ProviderFiles,
        shutdown::{Reload, Shutdown},
    },
    terminal::ui::Ui,
};

/// The settings of a server.
pub(crate) struct NodeConfig {
    /// Bound before anything is created, so a port in use leaves nothing behind.
    pub(crate) listener: TcpListener,
    /// The URL for browsers; `None` is the address of the listener.
    pub(crate) public_url: Option<Url>,
    /// `sqlite://path`, `sqlite::memory:` or `postgres://…`; may contain a password.
    pub(crate) store: SecretString,
    pub(crate) opening: OpenOptions,
    /// The record of the stores served so far; `None` if an empty store is detected in another way.
    pub(crate) known_stores: Option<KnownStores>,
    pub(crate) connections: ConnectionOptions,
    pub(crate) ui: Ui,
    pub(crate) master_keys: MasterKeys,
    /// Rereads the master keys while the server runs; `None` if that is not possible.
    pub(crate) master_key_source: Option<MasterKeySource>,
    pub(crate) providers: ProviderSource,
    pub(crate) addresses: AddressPolicy,
    pub(crate) observer: Arc<dyn Observer>,
    /// How long work in flight may continue after a shutdown request.
    pub(crate) grace: Duration,
}

/// The providers that end users can connect.
pub(crate) enum ProviderSource {
    /// A sandbox provider inside this process, called over HTTP, which shows the app under this name.
    Sandbox { app_name: String },
    /// The providers of these files, read again at each SIGHUP.
    Files(ProviderFiles),
}

/// A server that is ready but does not serve requests yet.
pub(crate) struct Node {
    pub(crate) auth: Auth,
    /// The URL for browsers.
    pub(crate) url: Url,
    /// The credentials of `dev`, for its pages to show; empty for `serve`.
    pub(crate) dev_access: DevAccess,
    listener: TcpListener,
    router: Router,
    worker: DeliveryWorker,
    reload: Option<Reload>,
    limits: ServerLimits,
    grace: Duration,
}

const SANDBOX_CLIENT_ID: &str = "terra-auth-dev";

impl Node {
    /// Opens the store and connects all parts.
    pub(crate) async fn prepare(config: NodeConfig) -> anyhow::Result<Self> {
        let (listener, limits) = (config.listener, config.connections.limits(config.grace)?);
        let url = match config.public_url {
            Some(url) => url,
            None => format!("http://{}/", listener.local_addr()?).parse()?,
        };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let sandbox_secret = SecretString::from(random_hex());
        let app_name = match &config.providers {
            ProviderSource::Sandbox { app_name } => Some(app_name.clone()),
            ProviderSource::Files(_) => None,
        };
        let (providers, reload) = match config.providers {
            ProviderSource::Sandbox { .. } => (sandbox_providers(&url, &sandbox_secret, Arc::clone(&clock))?, None),
            ProviderSource::Files(files) => {
                let (recipes, app_of) = files.read()?;
                (OAuthProviders::new(recipes, app_of, config.addresses, Arc::clone(&clock))?, Some(files))
            }
        };
        let providers = Arc::new(providers);
        let reload = reload.map(|files| Reload::listen(Arc::clone(&providers), files)).transpose()?;
        let store = config.opening.open(&config.store, InstanceSharing::Exclusive, config.ui).await?;
        if let Some(known) = config.known_stores.as_ref().filter(|_| !config.opening.new_store) {
            known.check(&config.store, &store).await?;
        }
        let keys = open_keys(&store, config.master_keys).await?;
        if let Some(known) = &config.known_stores {
            known.add(&config.store)?;
        }
        let keys = match config.master_key_source {
            Some(source) => keys.with_source(source),
            None => keys,
        };
        // Without other processes, nothing is revoked elsewhere and the directory is always up to date.
        let directory = if store.is_exclusive() {
            Directory::default()
        } else {
            Directory::with_age_limit(Arc::new(SystemSteadyClock))
        };
        let auth = Auth::new(Dependencies {
            store,
            clock,
            entropy: Arc::new(SystemEntropy),
            keys,
            directory,
            providers,
            widget_url: url.clone(),
            outbox: Outbox::default(),
        });
        auth.add_row_macs_once().await.context("could not write the MACs of the store's rows")?;
        if config.opening.accept_changed_rows {
            let rows = auth
                .trust_rows_as_they_are(&Admin::local("this machine"))
                .await
                .context("could not accept the rows")?;
            config.ui.warn(&format!("accepted {rows} changed rows of the store"))?;
        }
        auth.reload().await.context("could not read the environments")?;
        match auth.release_leases().await {
            // Leases expire by themselves within a minute, and reads work on a full disk.
            Err(error) if error.is_transient() => {
                tracing::warn!(error = %Causes(&error), "could not release the leases of an earlier process");
            }
            released => {
                released.context("could not release the leases of an earlier process")?;
            }
        }
        let dev_access = DevAccess::default();
        let mut router = terra_auth_server::router_with(auth.clone(), dev_access.clone());
        if let Some(app_name) = app_name {
            let pages = sandbox(&auth, &url, sandbox_secret, app_name).router();
            router = router.nest("/sandbox", pages.layer(from_fn_with_state(StrictTransport::Off, security_headers)));
        }
        let worker = DeliveryWorker::new(auth.clone(), config.addresses, config.observer)?;
        Ok(Self { auth, url, dev_access, listener, router, worker, reload, limits, grace: config.grace })
    }

    /// Serves requests until a shutdown request, then lets work in flight finish. A second request
    /// stops the server at once. After a reset of the vault, the server stops by itself and returns
    /// an error.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let shutdown = Shutdown::listen(self.grace)?;
        if let Some(reload) = self.reload {
            tokio::spawn(reload.run(shutdown.requested()));
        }
        let serve = serve(self.listener, self.router, self.limits, Workers::of_this_thread(), shutdown.requested());
        let late = "some deliveries did not finish before the shutdown; they are retried after the next start";
        let deliver = shutdown.with_grace_period(self.worker.run(shutdown.requested()), late);
        let late = "some refreshes did not finish before the shutdown; the next process recovers them";
        let refresh = shutdown.with_grace_period(Box::pin(self.auth.refresh_as_due(shutdown.requested())), late);
        let follow = async {
            self.auth.watch_for_changes(shutdown.requested()).await;
            shutdown.request(); // after a reset of the vault, values encrypted with the old keys could not be decrypted
        };
        shutdown.wait_for(Box::pin(async { tokio::join!(serve, deliver, refresh, follow) })).await;
        if self.auth.has_lost_keys() {
            let next = "restart it with the new master key";
            return Err(CommandError::new(FailureKind::Failed, "stopped because the vault was reset", next).into());
        }
        Ok(())
    }
}

/// Opens an existing store for operations that need no network.
pub(crate) async fn open_offline(store: &SecretString, master_keys: MasterKeys) -> anyhow::Result<Auth> {
    let store = terra_auth_store::open(store).await.map_err(with_remedy)?;
    let keys = open_keys(&store, master_keys).await?;
    let auth = auth_without_network(store, keys)?;
    auth.add_row_macs_once().await.context("could not write the MACs of the store's rows")?;
    auth.reload().await.context("could not read the environments")?;
    Ok(auth)
}

/// Like [`open_offline`], with keys that the store may not have yet. The directory is not loaded.
pub(crate) fn auth_without_network(store: Store, keys: KeyRing) -> anyhow::Result<Auth> {
    let (clock, url): (Arc<dyn Clock>, Url) = (Arc::new(SystemClock), "http://localhost/".parse()?);
    let providers = Arc::new(sandbox_providers(&url, &random_hex().into(), Arc::clone(&clock))?);
    Ok(Auth::new(Dependencies {
        store,
        clock,
        entropy: Arc::new(SystemEntropy),
        keys,
        directory: Directory::default(),
        providers,
        widget_url: url,
        outbox: Outbox::default(),
    }))
}

async fn open_keys(store: &Store, master_keys: MasterKeys) -> anyhow::Result<KeyRing> {
    let opened = KeyRing::open_in(store, master_keys, &SystemEntropy, SystemClock.now()).await;
    opened.map_err(|error| match error {
        OpenVaultError::Store(_) => error.into(),
        OpenVaultError::Unwrap(_) | OpenVaultError::ForeignStore | OpenVaultError::Missing(_) => {
            let next = "start with the master key that this store was created with; nothing was changed. If the key is lost \
                        permanently, use `terra-auth vault reset`";
            CommandError::new(FailureKind::Failed, error.to_string(), next).into()
        }
        OpenVaultError::ResetUnderWay => {
            CommandError::new(FailureKind::Failed, error.to_string(), "complete it with `terra-auth vault reset`").into()
        }
    })
}

/// Binds the port.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let error = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let is_ours =
        error.kind() == io::ErrorKind::AddrInUse && address.ip().is_loopback() && is_terra_auth(address).await;
    let stop =
        if is_ours { "stop the other terra-auth that listens there" } else { "stop the process that listens there" };
    let next = format!("{stop}, or choose another port: --listen {}:0 picks a free one", address.ip());
    Err(CommandError::new(FailureKind::Failed, format!("cannot listen on {address}: {error}"), next).into())
}

/// Whether a terra-auth server or gateway listens at an address.
async fn is_terra_auth(address: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address).await?;
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut page = Vec::new();
        stream.take(4096).read_to_end(&mut page).await?;
        io::Result::Ok(String::from_utf8_lossy(&page).contains("terra-auth"))
    };
    matches!(timeout(Duration::from_secs(1), ask).await, Ok(Ok(true)))
}

fn sandbox_providers(url: &Url, secret: &SecretString, clock: Arc<dyn Clock>) -> anyhow::Result<OAuthProviders> {
    let credentials = ClientCredentials::new(SANDBOX_CLIENT_ID, secret.clone());
    let recipes = Recipes::sandbox(&url.join("sandbox")?)?;
    Ok(OAuthProviders::new(recipes, |_| Some(credentials.clone()), AddressPolicy::AllowPrivate, clock)?)
}

fn sandbox(auth: &Auth, url: &Url, client_secret: SecretString, app_name: String) -> Sandbox {
    let redirect_uris = auth.providers().list().iter().map(|info| auth.redirect_uri(&info.provider)).collect();
    let config = SandboxConfig {
        base_url: url.join("sandbox").unwrap_or_else(|_| url.clone()),
        app_name,
        client_id: SANDBOX_CLIENT_ID.to_owned(),
        client_secret,
        redirect_uris,
        access_token_ttl: Duration::from_hours(8),
        code_ttl: Duration::from_mins(10),
    };
    Sandbox::new(config, Arc::new(|| SystemClock.now()), Arc::new(|bytes| SystemEntropy.fill(bytes)))
}
