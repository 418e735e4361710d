use std::{fmt::Write as _, net::SocketAddr, path::PathBuf, sync::Arc};

use anyhow::Context as _;
use serde_json::json;
use terra_auth::{Environment, ownership::Access};
use terra_auth_core::seal::MasterKeySource;
use terra_auth_outbound::AddressPolicy;
use terra_auth_server::Credentials;
use tokio::{net::TcpListener, time::Duration};
use url::Url;

use crate::{
    app::App,
    env_file::EnvFile,
    event_log::EventLog,
    failure::{Advice, Kind},
    guard::Guard,
    keeping::{NewStore, fleeting_keys, keys_beside},
    logging,
    node::{Node, NodeConfig, ProviderSource, listen},
    opening::{ConnectionOptions, Opening},
    private_file,
    provision::{Destination, Provisioned, ensure_admin_token, ensure_environment},
};

/// Run the API, the widget and a practice provider on this machine
///
/// Starts the API, the widget, the sandbox provider and the webhook sender on loopback; makes a testing environment the
/// first time; writes `.env.terra.testing` pointing at itself, so that every other command just works; and shows each
/// event as it happens. Ctrl-C ends it; the next start finds everything as it was.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth dev",
    "terra-auth dev --forward-to http://localhost:3000/hooks",
    "terra-auth dev --listen 127.0.0.1:0 --in-memory",
])]
pub(crate) struct Args {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = ".terra-auth", conflicts_with = "in_memory")]
    data_dir: PathBuf,
    /// Keep nothing: each start begins anew
    #[arg(long)]
    in_memory: bool,
    /// Begin an empty store although there was one here before and it is gone
    #[arg(long, conflicts_with = "in_memory")]
    new_store: bool,
    /// Post each event to this URL, signed, instead of showing its body
    ///
    /// The server stores it: later starts without this option post there too.
    #[arg(long, value_name = "URL")]
    forward_to: Option<Url>,
    /// Post events nowhere: clear the URL that an earlier start or the API stored
    #[arg(long, conflicts_with = "forward_to")]
    no_forward: bool,
}

/// Somebody waits for the prompt.
const GRACE: Duration = Duration::from_secs(2);

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() {
            let message = "dev listens on loopback only, as its provider lets anybody in";
            return Err(Advice::new(Kind::Misused, message, "use `terra-auth serve` to be reachable").into());
        }
        logging::serve(app.ui.output, false);
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("could not start")?;
        runtime.block_on(self.serve(app))
    }

    async fn serve(self, app: &App) -> anyhow::Result<()> {
        let listener = listen(self.listen).await?;
        let node = Node::prepare(self.config(app, listener)?).await?;
        let dirs = (std::env::current_dir()?, self.data_dir.clone());
        let environment = Environment::Testing;
        let places = (&dirs.0 as &std::path::Path, &dirs.1 as &std::path::Path);
        let provisioned = ensure_environment(&node.auth, &node.url, environment, self.destination(), places).await?;
        if let Some(file) = self.admin_token() {
            ensure_admin_token(&node.auth, &file).await?;
        }
        if let Some(credentials) = self.credentials(&provisioned)? {
            node.dev_access.allow(credentials);
        }
        if let Some(other) = &provisioned.left_alone {
            app.ui.warn(&format!(
                "{} is not ours, so it was left alone; the credentials are in {}",
                other.display(),
                provisioned.file.display()
            ))?;
        }
        app.ui.line(|| self.welcome(&node.url, &provisioned), &self.ready(&node.url, &provisioned))?;
        node.run().await?;
        app.ui.note("ended; everything is kept")?;
        Ok(())
    }

    fn destination(&self) -> Destination {
        match &self.forward_to {
            Some(url) => Destination::Set(url.clone()),
            None if self.no_forward => Destination::Clear,
            None => Destination::Keep,
        }
    }

    /// Where the admin token is; nowhere if nothing is kept.
    fn admin_token(&self) -> Option<PathBuf> {
        (!self.in_memory).then(|| self.data_dir.join("admin-token"))
    }

    /// For the pages of the API reference, which browsers on this machine see.
    fn credentials(&self, provisioned: &Provisioned) -> anyhow::Result<Option<Credentials>> {
        let text = std::fs::read_to_string(&provisioned.file)
            .with_context(|| format!("could not read {}", provisioned.file.display()))?;
        let file = EnvFile::parse(&text)?;
        let admin_token = self.admin_token().and_then(|file| std::fs::read_to_string(file).ok());
        Ok(file.get("TERRA_API_KEY").map(|api_key| Credentials {
            dev_id: provisioned.developer.dev_id.to_string(),
            api_key: api_key.to_owned(),
            admin_token: admin_token.map(|token| token.trim().to_owned()),
        }))
    }

    fn config(&self, app: &App, listener: TcpListener) -> anyhow::Result<NodeConfig> {
        let (store, master_keys, master_key_source) = if self.in_memory {
            ("sqlite::memory:".to_owned(), fleeting_keys()?, None)
        } else {
            let guard = Guard::Warns(app.ui);
            guard.check(&self.data_dir, Access::Change)?;
            private_file::create_dir(&self.data_dir)
                .with_context(|| format!("could not make {}", self.data_dir.display()))?;
            let store = self.data_dir.join("terra-auth.db");
            let (url, file) = (format!("sqlite://{}", store.display()), self.data_dir.join("master.key"));
            let keys = keys_beside(&store, &file, NewStore::if_told(self.new_store), guard)?;
            let source: MasterKeySource = Arc::new(move || Ok(keys_beside(&store, &file, NewStore::IfNoneWas, guard)?));
            (url, keys, Some(source))
        };
        Ok(NodeConfig {
            listener,
            public_url: None,
            store: store.into(),
            opening: Opening::new_store(self.new_store),
            known_stores: None,
            connections: ConnectionOptions::default(),
            ui: app.ui,
            master_keys,
            master_key_source,
            providers: ProviderSource::Sandbox,
            addresses: AddressPolicy::AllowPrivate,
            observer: Arc::new(EventLog(app.ui)),
            grace: GRACE,
        })
    }

    fn ready(&self, url: &Url, provisioned: &Provisioned) -> serde_json::Value {
        let origin = url.as_str().trim_end_matches('/');
        json!({
            "ready": true,
            "api_url": format!("{origin}/v2"),
            "widget_url": origin,
            "docs_url": format!("{origin}/docs"),
            "dev_id": provisioned.developer.dev_id,
            "credentials": provisioned.file.display().to_string(),
            "admin_token": self.admin_token().map(|file| file.display().to_string()),
            "forward_to": provisioned.developer.destination,
        })
    }

    fn welcome(&self, url: &Url, provisioned: &Provisioned) -> String {
        let origin = url.as_str().trim_end_matches('/');
        let data = if self.in_memory { "in memory".to_owned() } else { self.data_dir.display().to_string() };
        let destination = provisioned.developer.destination.as_ref();
        let events = destination.map_or("shown below".to_owned(), |url| format!("posted to {url}, shown below"));
        let command = own_name();
        let mut text = format!("terra-auth {} is ready, on this machine only\n", env!("CARGO_PKG_VERSION"));
        let rows = [
            ("API", format!("{origin}/v2")),
            ("Widget", origin.to_owned()),
            ("Reference", format!("{origin}/docs")),
            ("Keys", format!("{} (dev-id {})", shown(&provisioned.file), provisioned.developer.dev_id)),
            ("Admin", self.admin_token().map_or("no token, as nothing is kept".to_owned(), |file| shown(&file))),
            ("Data", data),
            ("Events", events),
        ];
        for (name, value) in rows {
            let _ = write!(text, "\n  {name:<10} {value}");
        }
        let _ = write!(
            text,
            "\n\nTry next, in another terminal in this directory:\n\n  \
             {command} verify-connection\n  \
             {command} generate-widget-session --reference-id user_1\n  \
             {command} sandbox connect --provider GARMIN --reference-id user_1\n\n\
             Ctrl-C ends.\n"
        );
        text
    }
}

fn shown(path: &std::path::Path) -> String {
    let here = std::env::current_dir().ok();
    let short = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    short.unwrap_or(path).display().to_string()
}

/// How this program was called, so that what is shown can be typed.
fn own_name() -> String {
    let called = std::path::PathBuf::from(std::env::args_os().next().unwrap_or_default());
    if called.components().count() > 1 { shown(&called) } else { "terra-auth".to_owned() }
}
