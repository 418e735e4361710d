//! A whole server in one process: store, rules, providers, routes, delivery worker, wired together.

use std::{io, net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context as _;
use axum::{Router, middleware::from_fn_with_state};
use secrecy::SecretString;
use terra_auth_core::{
    Auth, Parts,
    admin::Admin,
    causes::Causes,
    clock::{Clock, Entropy, SystemClock, SystemEntropy, SystemSteadyClock},
    directory::Directory,
    outbox::Outbox,
    seal::{KeyRing, MasterKeySource, MasterKeys, OpenVaultError},
    store::Store,
};
use terra_auth_http::{Limits, StrictTransport, Workers, security_headers, serve};
use terra_auth_outbound::{AddressPolicy, ClientCredentials, DeliveryWorker, OAuthProviders, Observer, Recipes};
use terra_auth_sandbox::{Sandbox, SandboxConfig};
use terra_auth_server::DevAccess;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Duration, timeout},
};
use url::Url;

use crate::{
    command::providers::files::ProviderFiles,
    failure::{Advice, Kind},
    known_stores::KnownStores,
    opening::{ConnectionOptions, Opening, Share, advised},
    reload::Reload,
    shutdown::Shutdown,
    ui::Ui,
};

/// What a server is made of.
pub(crate) struct NodeConfig {
    /// Taken before anything is made, so that a port in use leaves nothing behind.
    pub(crate) listener: TcpListener,
    /// Where browsers find it; `None` is where it listens.
    pub(crate) public_url: Option<Url>,
    /// `sqlite://path`, `sqlite::memory:` or `postgres://…`; may hold a password.
    pub(crate) store: SecretString,
    pub(crate) opening: Opening,
    /// Where it is remembered which stores were served; `None` where an empty one is noticed in another way.
    pub(crate) known_stores: Option<KnownStores>,
    pub(crate) connections: ConnectionOptions,
    pub(crate) ui: Ui,
    pub(crate) master_keys: MasterKeys,
    /// Reads them again, for a new one while the server runs; `None` where that cannot be.
    pub(crate) master_key_source: Option<MasterKeySource>,
    pub(crate) providers: ProviderSource,
    pub(crate) addresses: AddressPolicy,
    pub(crate) observer: Arc<dyn Observer>,
    /// How long what is in flight may go on after the end was asked for.
    pub(crate) grace: Duration,
}

/// Where end users connect.
pub(crate) enum ProviderSource {
    /// At a provider inside this process, spoken to over HTTP, which calls the app by this name.
    Sandbox { app_name: String },
    /// At the providers of these files, read again at each SIGHUP.
    Files(ProviderFiles),
}

/// A server that is ready and does not answer yet.
pub(crate) struct Node {
    pub(crate) auth: Auth,
    /// Where browsers find it.
    pub(crate) url: Url,
    /// Lets pages show the credentials of `dev`; `serve` leaves it empty.
    pub(crate) dev_access: DevAccess,
    listener: TcpListener,
    router: Router,
    worker: DeliveryWorker,
    reload: Option<Reload>,
    limits: Limits,
    grace: Duration,
}

const SANDBOX_CLIENT_ID: &str = "terra-auth-dev";

impl Node {
    /// Opens the store and wires everything together.
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
        let store = config.opening.open(&config.store, Share::Alone, config.ui).await?;
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
        // Without other processes nothing is revoked elsewhere, and the directory is always up to date.
        let directory = if store.is_exclusive() {
            Directory::default()
        } else {
            Directory::with_age_limit(Arc::new(SystemSteadyClock))
        };
        let auth = Auth::new(Parts {
            store,
            clock,
            entropy: Arc::new(SystemEntropy),
            keys,
            directory,
            providers,
            widget_url: url.clone(),
            outbox: Outbox::default(),
        });
        auth.mark_rows_once().await.context("could not mark the rows of the store")?;
        if config.opening.accept_changed_rows {
            let rows = auth.mark_rows_again(&Admin::local("this machine")).await.context("could not mark the rows")?;
            config.ui.warn(&format!("accepted {rows} rows of the store as they are"))?;
        }
        auth.reload().await.context("could not read the environments")?;
        match auth.release_leases().await {
            // They end by themselves within a minute, and reads work on a full disk.
            Err(error) if error.is_transient() => {
                tracing::warn!(error = %Causes(&error), "could not release the leases of an earlier process");
            }
            released => {
                released.context("could not take over the work of an earlier process")?;
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

    /// Answers until the process is asked to end, then lets what is in flight finish; asked twice, it ends at once. It ends
    /// by itself, and fails, after a reset of the vault.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let shutdown = Shutdown::listen(self.grace);
        if let Some(reload) = self.reload {
            tokio::spawn(reload.run(shutdown.asked()));
        }
        let serve = serve(self.listener, self.router, self.limits, Workers::here(), shutdown.asked());
        let late = "some deliveries did not end in time; they are made again later";
        let deliver = shutdown.with_patience(self.worker.run(shutdown.asked()), late);
        let late = "some refreshes did not end in time; whoever comes next recovers them";
        let refresh = shutdown.with_patience(Box::pin(self.auth.refresh_as_due(shutdown.asked())), late);
        let follow = async {
            self.auth.watch(shutdown.asked()).await;
            shutdown.ask(); // or nobody could open what goes on being sealed after a reset of the vault
        };
        shutdown.of(Box::pin(async { tokio::join!(serve, deliver, refresh, follow) })).await;
        if self.auth.has_lost_keys() {
            let next = "start it with the new master key";
            return Err(Advice::new(Kind::Failed, "ended, because the vault was reset meanwhile", next).into());
        }
        Ok(())
    }
}

/// The rules over a store that is there, for what needs no network.
pub(crate) async fn offline(store: &SecretString, master_keys: MasterKeys) -> anyhow::Result<Auth> {
    let store = terra_auth_store::open(store).await.map_err(advised)?;
    let keys = open_keys(&store, master_keys).await?;
    let auth = alone(store, keys)?;
    auth.mark_rows_once().await.context("could not mark the rows of the store")?;
    auth.reload().await.context("could not read the environments")?;
    Ok(auth)
}

/// The same with keys that the store need not have yet. Nothing of it is known before it is read.
pub(crate) fn alone(store: Store, keys: KeyRing) -> anyhow::Result<Auth> {
    let (clock, url): (Arc<dyn Clock>, Url) = (Arc::new(SystemClock), "http://localhost/".parse()?);
    let providers = Arc::new(sandbox_providers(&url, &random_hex().into(), Arc::clone(&clock))?);
    Ok(Auth::new(Parts {
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
            let next = "start with the master key that this store was made with; nothing was changed. If it is lost for ever, \
                        see `terra-auth vault reset`";
            Advice::new(Kind::Failed, error.to_string(), next).into()
        }
        OpenVaultError::ResetUnderWay => {
            Advice::new(Kind::Failed, error.to_string(), "end it with `terra-auth vault reset`").into()
        }
    })
}

/// Takes the port.
pub(crate) async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let error = match TcpListener::bind(address).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let is_ours = error.kind() == io::ErrorKind::AddrInUse && address.ip().is_loopback() && is_ours(address).await;
    let who = if is_ours { "another terra-auth listens there; end it" } else { "end what listens there" };
    let next = format!("{who}, or choose another port: --listen {}:0 takes a free one", address.ip());
    Err(Advice::new(Kind::Failed, format!("cannot listen on {address}: {error}"), next).into())
}

/// Whether a server or gateway of ours answers there.
async fn is_ours(address: SocketAddr) -> bool {
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
    let redirect_uris = auth.providers.list().iter().map(|info| auth.redirect_uri(&info.provider)).collect();
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

pub(crate) fn random_hex() -> String {
    let entropy: &dyn Entropy = &SystemEntropy;
    hex::encode(entropy.bytes::<32>())
}

/// Reads a secret of our own from a file, and makes it where there is none yet: 64 hex digits, for its owner only.
pub(crate) fn secret_in(path: &Path) -> anyhow::Result<SecretString> {
    if !path.exists() {
        crate::private_file::replace(path, &format!("{}\n", random_hex()))
            .with_context(|| format!("could not write {}", path.display()))?;
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    Ok(text.into())
}
