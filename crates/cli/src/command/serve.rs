mod summary;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use serde_json::json;
use terra_auth::{Environment, Provider};
use terra_auth_core::Auth;
use terra_auth_delivery::Log;
use terra_auth_egress::AddressPolicy;
use tokio::{net::TcpListener, time::Duration};
use url::Url;

use crate::{
    app::App,
    failure::{CommandError, FailureKind},
    service::{
        known_stores::KnownStores,
        logging,
        node::{Node, NodeConfig, ProviderSource, listen},
        open_options::{ConnectionOptions, OpenOptions},
        provider_files::ProviderFiles,
        provision::{Destination, ensure_environment},
        storage_options::{NewStore, StorageOptions},
    },
    terminal::ui::{Ui, table},
};
use summary::Summary;

/// Time for requests in flight at shutdown: the longest call to a provider or a receiver.
const GRACE_PERIOD: Duration = Duration::from_secs(12);

const ADMIN_TOKEN: &str = "TERRA_AUTH_ADMIN_TOKEN";

/// Run the authentication server for real apps
///
/// Serves the API and the widget at `--public-url`; run it behind a proxy that terminates TLS. End
/// users can connect providers at which you have an app: `--provider-apps` is a file with the client
/// id and secret of each. Recipes of well-known providers are built in; `terra-auth providers` lists
/// them and adds others. SIGHUP reloads recipes and apps; if one is invalid, nothing changes.
/// `--sandbox` offers the practice provider instead.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, after_help = examples![
    "terra-auth serve --public-url https://auth.acme.example --provider-apps apps.toml",
    "TERRA_AUTH_STORE=postgres://terra@db/terra TERRA_AUTH_MASTER_KEY=$(cat key) terra-auth serve --public-url https://auth.acme.example --provider-apps apps.toml",
    "terra-auth serve --sandbox --create-environment staging",
    "terra-auth serve check --public-url https://auth.acme.example --provider-apps apps.toml",
])]
pub(crate) struct Args {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Check options, variables, files and keys, and print the effective settings and their sources
    ///
    /// Opens no store and no port, and creates no files.
    #[command(after_help = examples![
        "terra-auth serve check --public-url https://auth.acme.example --provider-apps apps.toml",
        "terra-auth serve check --provider-apps apps.toml --output json",
    ])]
    Check(Box<Options>),
}

#[derive(clap::Args)]
struct Options {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", env = "TERRA_AUTH_LISTEN", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// URL of the server for browsers [default: the listen address]
    #[arg(long, value_name = "URL", env = "TERRA_AUTH_PUBLIC_URL")]
    public_url: Option<Url>,
    #[command(flatten)]
    storage: StorageOptions,
    #[command(flatten)]
    opening: OpenOptions,
    #[command(flatten)]
    connections: ConnectionOptions,
    /// Your own recipes, as TOML; each replaces a built-in recipe for the same provider
    #[arg(long, value_name = "FILE")]
    providers: Option<PathBuf>,
    /// Your app at each provider, as TOML: [OURA] with `client_id`, `client_secret` and optional `headers`
    #[arg(long, value_name = "FILE")]
    provider_apps: Option<PathBuf>,
    /// Offer the practice provider, where anyone can sign in
    #[arg(long, conflicts_with_all = ["providers", "provider_apps"])]
    sandbox: bool,
    /// Create this environment if there is none, and write its credentials to .env.terra.<NAME>; repeatable
    ///
    /// The settings of an existing environment are not changed.
    #[arg(long, value_name = "NAME")]
    create_environment: Vec<Environment>,
    /// Allow webhooks and provider calls to private addresses
    #[arg(long)]
    allow_private_addresses: bool,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self.command {
            Some(Command::Check(options)) => options.check(app),
            None => self.options.run(app),
        }
    }
}

impl Options {
    fn run(self, app: &App) -> anyhow::Result<()> {
        logging::start_server_log(app.ui.output, self.connections.access_log());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("could not start")?;
        runtime.block_on(self.serve(app))
    }

    async fn serve(self, app: &App) -> anyhow::Result<()> {
        let listener = listen(self.listen).await?;
        let node = Node::prepare(self.config(listener, app.ui)?).await?;
        if let Some(issued) = node.auth.bootstrap_admin().await? {
            // A warning is printed in every output format. The token cannot be shown again.
            app.ui.warn(&format!(
                "this admin token is shown only once: {}; set {ADMIN_TOKEN} to it, create named tokens that expire, then \
                 revoke it",
                issued.token.expose()
            ))?;
        } else if node.auth.has_only_the_first_admin_token().await? {
            app.ui.note(
                "the only admin token is the one that the first start printed; if it is lost, stop the server and run \
                 `terra-auth admin tokens create --offline --name NAME --role owner`",
            )?;
        }
        let here = std::env::current_dir()?;
        for environment in &self.create_environment {
            let places = (here.as_path(), self.storage.data_dir.as_path());
            let provisioned =
                ensure_environment(&node.auth, &node.url, *environment, Destination::Unchanged, places).await?;
            app.ui.note(&format!(
                "{environment}: dev-id {}, keys in {}",
                provisioned.developer.dev_id,
                provisioned.file.display()
            ))?;
        }
        let developers = node.auth.developers().await?;
        if developers.is_empty() {
            app.ui.warn("the server has no environment; create one with --create-environment testing")?;
        }
        let mut summary = Summary::of(&self, &providers_with_app(&node.auth))?;
        summary.add_environments(&developers);
        for warning in &summary.warnings {
            app.ui.warn(warning)?;
        }
        app.ui.note(&summary.to_string())?;
        let ready = json!({ "ready": true, "url": node.url, "settings": summary.rows });
        app.ui.line(|| format!("terra-auth {} is ready at {}", env!("CARGO_PKG_VERSION"), node.url), &ready)?;
        node.run().await?;
        app.ui.note("stopped; all data is stored")?;
        Ok(())
    }

    fn check(&self, app: &App) -> anyhow::Result<()> {
        if let Some(url) = &self.public_url {
            check_public_url(url)?;
        }
        let offered = if self.sandbox {
            Vec::new()
        } else {
            let (recipes, app_of) = self.provider_files().read()?;
            recipes.iter().map(|recipe| recipe.info().provider).filter(|name| app_of(name).is_some()).collect()
        };
        self.storage.check_files()?;
        self.storage.check_master_keys()?;
        let summary = Summary::of(self, &offered)?;
        for warning in &summary.warnings {
            app.ui.warn(warning)?;
        }
        let rows = || summary.rows.iter().map(|row| [row.setting.to_owned(), row.value.clone(), row.origin.clone()]);
        let json = json!({ "settings": summary.rows, "warnings": summary.warnings });
        app.ui.result(|| table(["Setting", "Value", "From"], rows()), &json)
    }

    fn config(&self, listener: TcpListener, ui: Ui) -> anyhow::Result<NodeConfig> {
        if let Some(url) = &self.public_url {
            check_public_url(url)?;
        }
        let master_keys = self.storage.master_keys_for(NewStore::from_flag(self.opening.new_store))?;
        self.storage.create_data_dir()?;
        self.storage.check_files()?;
        let files = self.provider_files();
        let providers = if self.sandbox {
            ProviderSource::Sandbox { app_name: "Your app".to_owned() }
        } else {
            ProviderSource::Files(files)
        };
        let addresses = if self.allow_private_addresses { AddressPolicy::AllowPrivate } else { AddressPolicy::Public };
        let public_url = self.public_url.clone();
        Ok(NodeConfig {
            listener,
            public_url,
            store: self.storage.store(),
            opening: self.opening.clone(),
            known_stores: Some(KnownStores(self.storage.data_dir.join("known-stores"))),
            connections: self.connections.clone(),
            ui,
            master_keys,
            master_key_source: Some(self.storage.master_key_source()),
            providers,
            addresses,
            observer: Arc::new(Log::default()),
            grace: GRACE_PERIOD,
        })
    }

    fn provider_files(&self) -> ProviderFiles {
        ProviderFiles {
            data_dir: self.storage.data_dir.clone(),
            own: self.providers.clone(),
            apps: self.provider_apps.clone(),
        }
    }
}

/// The providers at which the server has its own app.
fn providers_with_app(auth: &Auth) -> Vec<Provider> {
    let known = auth.providers().list();
    let offered = known.iter().map(|info| info.provider.clone()).filter(|name| auth.providers().has_app(name));
    offered.collect()
}

fn check_public_url(url: &Url) -> anyhow::Result<()> {
    let local = terra_auth_types::redirect::is_loopback(url);
    let fits =
        url.path() == "/" && url.query().is_none() && (url.scheme() == "https" || url.scheme() == "http" && local);
    let message = "--public-url must be https (http on loopback only) and have no path";
    if fits {
        Ok(())
    } else {
        Err(CommandError::new(FailureKind::Misused, message, "use a URL such as https://auth.acme.example").into())
    }
}
