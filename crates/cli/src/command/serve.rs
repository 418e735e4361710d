use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use serde_json::json;
use terra_auth::{Environment, Provider};
use terra_auth_core::Auth;
use terra_auth_outbound::{AddressPolicy, Log};
use tokio::{net::TcpListener, time::Duration};
use url::Url;

use super::providers::files::ProviderFiles;
use crate::{
    app::App,
    failure::{Advice, Kind},
    keeping::{Keeping, NewStore},
    known_stores::KnownStores,
    logging,
    node::{Node, NodeConfig, ProviderSource, listen},
    opening::{ConnectionOptions, Opening},
    provision::{Destination, ensure_environment},
    ui::{Ui, table},
};
use summary::Summary;

mod summary;

/// The longest call to a provider or a receiver.
const GRACE: Duration = Duration::from_secs(12);

const ADMIN_TOKEN: &str = "TERRA_AUTH_ADMIN_TOKEN";

/// Run the authentication server for real apps
///
/// Serves the API and the widget at `--public-url`, for which a proxy in front of it ends TLS. End users can connect the
/// providers at which you have an app: `--provider-apps` names a file with the client id and secret of each. Recipes of
/// well-known providers are built in; `terra-auth providers` shows and adds to them. SIGHUP makes the server read recipes
/// and apps again; if any is bad, all stay as they were. `--sandbox` offers the practice provider instead.
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
    /// Read flags, variables, files and keys as a start would, and show the effective settings and where they come from
    ///
    /// Opens no store, listens nowhere and creates nothing.
    #[command(after_help = examples![
        "terra-auth serve check --public-url https://auth.acme.example --provider-apps apps.toml",
        "terra-auth serve check --provider-apps apps.toml --output json",
    ])]
    Check(Box<Options>),
}

#[derive(clap::Args)]
struct Options {
    /// Where to listen
    #[arg(long, value_name = "ADDRESS", env = "TERRA_AUTH_LISTEN", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Where browsers find the server; by default where it listens
    #[arg(long, value_name = "URL", env = "TERRA_AUTH_PUBLIC_URL")]
    public_url: Option<Url>,
    #[command(flatten)]
    keeping: Keeping,
    #[command(flatten)]
    opening: Opening,
    #[command(flatten)]
    connections: ConnectionOptions,
    /// Recipes of your own, as TOML; each takes the place of a built-in one for the same provider
    #[arg(long, value_name = "FILE")]
    providers: Option<PathBuf>,
    /// Your app at each provider, as TOML: [OURA] with `client_id`, `client_secret` and maybe a table of `headers`
    #[arg(long, value_name = "FILE")]
    provider_apps: Option<PathBuf>,
    /// Offer the practice provider, where anybody may sign in
    #[arg(long, conflicts_with_all = ["providers", "provider_apps"])]
    sandbox: bool,
    /// Make this environment if there is none yet, and write its credentials to .env.terra.<NAME>; may be repeated
    ///
    /// An environment that exists keeps all its settings.
    #[arg(long, value_name = "NAME")]
    create_environment: Vec<Environment>,
    /// Let webhooks and provider calls reach private addresses too
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
        logging::serve(app.ui.output, self.connections.access_log());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("could not start")?;
        runtime.block_on(self.serve(app))
    }

    async fn serve(self, app: &App) -> anyhow::Result<()> {
        let listener = listen(self.listen).await?;
        let node = Node::prepare(self.config(listener, app.ui)?).await?;
        if let Some(issued) = node.auth.bootstrap_admin().await? {
            // Shown in both forms of output, as nothing can show it again.
            app.ui.warn(&format!(
                "this admin token is shown once: {}; keep it safe, put it into {ADMIN_TOKEN} to make named tokens that \
                 expire, then revoke it",
                issued.token.expose()
            ))?;
        } else if node.auth.has_only_the_first_admin_token().await? {
            app.ui.note(
                "the only admin token is the one that the first start showed; if it is lost, stop the server and run \
                 `terra-auth admin tokens create --offline --name NAME --role owner`",
            )?;
        }
        let here = std::env::current_dir()?;
        for environment in &self.create_environment {
            let places = (here.as_path(), self.keeping.data_dir.as_path());
            let made = ensure_environment(&node.auth, &node.url, *environment, Destination::Keep, places).await?;
            app.ui.note(&format!(
                "{environment}: dev-id {}, keys in {}",
                made.developer.dev_id,
                made.file.display()
            ))?;
        }
        let developers = node.auth.developers().await?;
        if developers.is_empty() {
            app.ui.warn("there is no environment yet; create one with --create-environment testing")?;
        }
        let mut summary = Summary::of(&self, &offered(&node.auth))?;
        summary.add_environments(&developers);
        for warning in &summary.warnings {
            app.ui.warn(warning)?;
        }
        app.ui.note(&summary.to_string())?;
        let ready = json!({ "ready": true, "url": node.url, "settings": summary.rows });
        app.ui.line(|| format!("terra-auth {} is ready at {}", env!("CARGO_PKG_VERSION"), node.url), &ready)?;
        node.run().await?;
        app.ui.note("ended; everything is kept")?;
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
        self.keeping.check_files()?;
        self.keeping.check_master_keys()?;
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
        let master_keys = self.keeping.master_keys_for(NewStore::if_told(self.opening.new_store))?;
        self.keeping.make_data_dir()?;
        self.keeping.check_files()?;
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
            store: self.keeping.store(),
            opening: self.opening.clone(),
            known_stores: Some(KnownStores(self.keeping.data_dir.join("known-stores"))),
            connections: self.connections.clone(),
            ui,
            master_keys,
            master_key_source: Some(self.keeping.master_key_source()),
            providers,
            addresses,
            observer: Arc::new(Log::default()),
            grace: GRACE,
        })
    }

    fn provider_files(&self) -> ProviderFiles {
        ProviderFiles {
            data_dir: self.keeping.data_dir.clone(),
            own: self.providers.clone(),
            apps: self.provider_apps.clone(),
        }
    }
}

/// The providers at which the server has an app of its own.
fn offered(auth: &Auth) -> Vec<Provider> {
    let known = auth.providers.list();
    let offered = known.iter().map(|info| info.provider.clone()).filter(|name| auth.providers.has_app(name));
    offered.collect()
}

fn check_public_url(url: &Url) -> anyhow::Result<()> {
    let local = terra_auth_core::redirect::is_loopback(url);
    let fits =
        url.path() == "/" && url.query().is_none() && (url.scheme() == "https" || url.scheme() == "http" && local);
    let message = "--public-url must be https (http on loopback only) and have no path";
    if fits {
        Ok(())
    } else {
        Err(Advice::new(Kind::Misused, message, "write it like https://auth.acme.example").into())
    }
}
