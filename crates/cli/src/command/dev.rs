use std::{
    fmt::Write as _,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use serde_json::json;
use terra_auth::{Environment, ownership::Access, wire::admin::ChangeEnvironment};
use terra_auth_core::{Auth, admin::Admin, seal::MasterKeySource};
use terra_auth_outbound::AddressPolicy;
use terra_auth_server::Credentials;
use tokio::{net::TcpListener, time::Duration};
use url::Url;

use self::gateway_flags::GatewayFlags;
use super::gateway::Prepared;
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

mod gateway_flags;

/// Run the API, the widget and a practice provider on this machine
///
/// Starts the API, the widget, the sandbox provider and the webhook sender on loopback; makes a testing environment the
/// first time; writes `.env.terra.testing` pointing at itself, so that every other command just works; and shows each
/// event as it happens. Ctrl-C ends it; the next start finds everything as it was.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth dev",
    "terra-auth dev --forward-to http://localhost:3000/hooks",
    "terra-auth dev --gateway --who-am-i http://localhost:5000/api/me --forward-to http://localhost:5000/hooks/terra",
    "terra-auth dev --name \"Acme Health\" --user-limit none",
    "terra-auth dev --listen 127.0.0.1:0 --in-memory",
])]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
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
    /// What the widget calls your app
    ///
    /// The server stores it, as it does the user limit.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// How many users there may be, or `none` [default: 50, as in testing at Terra]
    #[arg(long, value_name = "N", value_parser = user_limit)]
    user_limit: Option<UserLimit>,
    /// Delete the users, keys and settings that an earlier `dev` kept here, and start with none
    #[arg(long, conflicts_with = "in_memory")]
    reset: bool,
    #[command(flatten)]
    gateway: GatewayFlags,
}

/// `none` is no limit.
#[derive(Clone, Copy)]
struct UserLimit(Option<u32>);

fn user_limit(text: &str) -> Result<UserLimit, String> {
    match text {
        "none" => Ok(UserLimit(None)),
        text => text.parse().map(|limit| UserLimit(Some(limit))).map_err(|_| "a number, or none".to_owned()),
    }
}

/// Somebody waits for the prompt.
const GRACE: Duration = Duration::from_secs(2);

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() {
            let message = "dev listens on loopback only, as its provider lets anybody in";
            return Err(Advice::new(Kind::Misused, message, "use `terra-auth serve` to be reachable").into());
        }
        if self.reset {
            reset(&self.data_dir)?;
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
        self.change(&node.auth, &provisioned).await?;
        private_file::create_dir(&self.data_dir)
            .with_context(|| format!("could not create {}", self.data_dir.display()))?;
        ensure_admin_token(&node.auth, &self.admin_token()).await?;
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
        let ended = if self.gateway.gateway { self.run_both(node, &provisioned, app).await } else { node.run().await };
        if self.in_memory {
            self.forget_admin_token()?;
        }
        ended?;
        app.ui.note(if self.in_memory { "ended; nothing is kept" } else { "ended; everything is kept" })?;
        Ok(())
    }

    /// Runs the gateway beside the server. The server has to answer before the gateway can ask it where events go.
    async fn run_both(&self, node: Node, provisioned: &Provisioned, app: &App) -> anyhow::Result<()> {
        if let Some(other) = &provisioned.left_alone {
            let next = "start in another folder, or move that file away";
            let message = format!("the gateway would use the keys of {}, which are not this server's", other.display());
            return Err(Advice::new(Kind::Failed, message, next).into());
        }
        let (auth, dev_id) = (node.auth.clone(), provisioned.developer.dev_id.clone());
        let server = node.run();
        tokio::pin!(server);
        let send_events_to = async |address: SocketAddr| {
            let webhooks = format!("http://{address}/webhooks/terra").parse()?;
            let change = ChangeEnvironment { destination: Some(Some(webhooks)), ..ChangeEnvironment::default() };
            anyhow::Ok(auth.change_environment(&Admin::local("dev"), &dev_id, &change).await.map(drop)?)
        };
        let prepare = async {
            if self.gateway.listen().port() != 0 {
                send_events_to(self.gateway.listen()).await?;
            }
            let prepared = Prepared::new(self.gateway.options(self.forward_to.as_ref(), &self.data_dir), app).await?;
            send_events_to(prepared.address()?).await?;
            anyhow::Ok(prepared)
        };
        let gateway = tokio::select! {
            ended = &mut server => return ended,
            prepared = prepare => prepared?,
        };
        tokio::join!(server, gateway.serve()).0
    }

    fn destination(&self) -> Destination {
        match &self.forward_to {
            _ if self.gateway.gateway => Destination::Keep,
            Some(url) => Destination::Set(url.clone()),
            None if self.no_forward => Destination::Clear,
            None => Destination::Keep,
        }
    }

    /// Settings that the flags name.
    async fn change(&self, auth: &Auth, provisioned: &Provisioned) -> anyhow::Result<()> {
        let change = ChangeEnvironment {
            name: self.name.clone(),
            user_limit: self.user_limit.map(|limit| limit.0),
            ..ChangeEnvironment::default()
        };
        if change.name.is_some() || change.user_limit.is_some() {
            auth.change_environment(&Admin::local("dev"), &provisioned.developer.dev_id, &change).await?;
        }
        Ok(())
    }

    /// Where the admin token is. It opens a server in memory too, for as long as that runs.
    fn admin_token(&self) -> PathBuf {
        self.data_dir.join("admin-token")
    }

    /// Deletes the token of a server in memory, and the folder if it held nothing else.
    fn forget_admin_token(&self) -> anyhow::Result<()> {
        let token = self.admin_token();
        fs::remove_file(&token).with_context(|| format!("could not delete {}", token.display()))?;
        let mut rest = fs::read_dir(&self.data_dir)?.flatten();
        if rest.all(|entry| entry.file_name() == ".gitignore") {
            fs::remove_dir_all(&self.data_dir).context("could not delete the empty data directory")?;
        }
        Ok(())
    }

    /// For the pages of the API reference, which browsers on this machine see.
    fn credentials(&self, provisioned: &Provisioned) -> anyhow::Result<Option<Credentials>> {
        let text = std::fs::read_to_string(&provisioned.file)
            .with_context(|| format!("could not read {}", provisioned.file.display()))?;
        let file = EnvFile::parse(&text)?;
        let admin_token = std::fs::read_to_string(self.admin_token()).ok();
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
            providers: ProviderSource::Sandbox { app_name: self.name.clone().unwrap_or_else(|| "Your app".to_owned()) },
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
            "admin_token": self.admin_token().display().to_string(),
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
            ("Admin", shown(&self.admin_token())),
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

/// Deletes what an earlier `dev` kept, unless one runs on it.
fn reset(data_dir: &Path) -> anyhow::Result<()> {
    let in_use = || Advice::new(Kind::Failed, "another `terra-auth dev` uses this folder", "end it first, with Ctrl-C");
    let lock = fs::File::options().write(true).open(data_dir.join("terra-auth.db.lock"));
    if lock.is_ok_and(|lock| lock.try_lock().is_err()) {
        return Err(in_use().into());
    }
    for name in
        ["terra-auth.db", "terra-auth.db-wal", "terra-auth.db-shm", "terra-auth.db.lock", "master.key", "admin-token"]
    {
        let file = data_dir.join(name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("could not delete {}", file.display()));
            }
            _ => {}
        }
    }
    Ok(())
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
