mod gateway_flags;

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
use terra_auth_core::{Auth, admin::action::Admin};
use terra_auth_egress::AddressPolicy;
use terra_auth_model::keys::MasterKeySource;
use terra_auth_server::Credentials;
use tokio::{net::TcpListener, time::Duration};
use url::Url;

use self::gateway_flags::GatewayFlags;
use crate::{
    app::App,
    command::gateway::PreparedGateway,
    credentials::{env_file::EnvFile, guard::OwnershipCheck, private_file},
    failure::{CommandError, FailureKind},
    service::{
        event_log::{EventLog, print_undelivered},
        logging,
        node::{Node, NodeConfig, ProviderSource, listen},
        open_options::{ConnectionOptions, OpenOptions},
        provision::{Destination, Provisioned, ensure_admin_token, ensure_environment},
        storage_options::{NewStore, ephemeral_keys, keys_for_sqlite},
    },
};

/// Run the API, the widget and a practice provider on this machine
///
/// Starts the API, the widget, the practice provider and the webhook sender on loopback. The first
/// start creates a testing environment. Writes its keys and address to `.env.terra.testing`, where
/// all other commands find them. Prints each event as it happens. Press Ctrl-C to stop; the data is
/// stored for the next start.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth dev",
    "terra-auth dev --forward-to http://localhost:3000/hooks",
    "terra-auth dev --gateway --who-am-i http://localhost:5000/api/me --forward-to http://localhost:5000/hooks/terra",
    "terra-auth dev --name \"Acme Health\" --user-limit none",
    "terra-auth dev --listen 127.0.0.1:0 --in-memory",
])]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub(crate) struct Args {
    /// Address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787")]
    listen: SocketAddr,
    /// Data directory
    #[arg(long, value_name = "DIR", default_value = ".terra-auth", conflicts_with = "in_memory")]
    data_dir: PathBuf,
    /// Store all data in memory only; each start is empty
    #[arg(long)]
    in_memory: bool,
    /// Create an empty store even if a previous one is missing
    #[arg(long, conflicts_with = "in_memory")]
    new_store: bool,
    /// Send each event to this URL, signed, instead of printing its body
    ///
    /// The server stores the URL, so later starts without this option use it too.
    #[arg(long, value_name = "URL")]
    forward_to: Option<Url>,
    /// Send events to no URL; clears the one that an earlier start or the API stored
    #[arg(long, conflicts_with = "forward_to")]
    no_forward: bool,
    /// Name of your app in the widget
    ///
    /// The server stores it, like the user limit.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Maximum number of users, or `none` [default: 50, as in testing at Terra]
    #[arg(long, value_name = "N", value_parser = user_limit)]
    user_limit: Option<UserLimit>,
    /// Delete the users, keys and settings of earlier starts in the data directory first
    #[arg(long, conflicts_with = "in_memory")]
    reset: bool,
    #[command(flatten)]
    gateway: GatewayFlags,
}

/// The argument of `--user-limit`; `None` means no limit.
#[derive(Clone, Copy)]
struct UserLimit(Option<u32>);

fn user_limit(text: &str) -> Result<UserLimit, String> {
    match text {
        "none" => Ok(UserLimit(None)),
        text => text.parse().map(|limit| UserLimit(Some(limit))).map_err(|_| "use a number, or none".to_owned()),
    }
}

/// Time for requests in flight at shutdown. Short, because the developer waits for the shell's prompt.
const GRACE_PERIOD: Duration = Duration::from_secs(2);

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        if !self.listen.ip().is_loopback() {
            let message = "dev listens on loopback only, because its practice provider accepts every sign-in";
            let next = "use `terra-auth serve` for a server that other machines can reach";
            return Err(CommandError::new(FailureKind::Misused, message, next).into());
        }
        if self.reset {
            reset(&self.data_dir)?;
        }
        logging::start_server_log(app.ui.output, false);
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
        self.apply_settings(&node.auth, &provisioned).await?;
        private_file::create_dir(&self.data_dir)
            .with_context(|| format!("could not create {}", self.data_dir.display()))?;
        ensure_admin_token(&node.auth, &self.admin_token()).await?;
        if let Some(credentials) = self.credentials(&provisioned)? {
            node.dev_access.allow(credentials);
        }
        if let Some(other) = &provisioned.foreign_file {
            app.ui.warn(&format!(
                "{} was not written by `dev`, so it was not changed; the credentials are in {}",
                other.display(),
                provisioned.file.display()
            ))?;
        }
        app.ui.line(|| self.welcome(&node.url, &provisioned), &self.ready(&node.url, &provisioned))?;
        tokio::spawn(print_undelivered(node.auth.clone(), provisioned.developer.dev_id.clone(), app.ui));
        let ended = if self.gateway.gateway { self.run_both(node, &provisioned, app).await } else { node.run().await };
        if self.in_memory {
            self.delete_admin_token()?;
        }
        ended?;
        app.ui.note(if self.in_memory { "stopped; no data was stored" } else { "stopped; all data is stored" })?;
        Ok(())
    }

    /// Runs the gateway beside the server. The server starts first, because the gateway reads its destination.
    async fn run_both(&self, node: Node, provisioned: &Provisioned, app: &App) -> anyhow::Result<()> {
        if let Some(other) = &provisioned.foreign_file {
            let next = "start in another folder, or move that file away";
            let message = format!("the gateway would use the keys in {}, which are not this server's", other.display());
            return Err(CommandError::new(FailureKind::Failed, message, next).into());
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
            let prepared =
                PreparedGateway::new(self.gateway.options(self.forward_to.as_ref(), &self.data_dir), app).await?;
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
            _ if self.gateway.gateway => Destination::Unchanged,
            Some(url) => Destination::Set(url.clone()),
            None if self.no_forward => Destination::Clear,
            None => Destination::Unchanged,
        }
    }

    /// Applies the settings from the options.
    async fn apply_settings(&self, auth: &Auth, provisioned: &Provisioned) -> anyhow::Result<()> {
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

    /// The file with the admin token. An in-memory server has one too, until it stops.
    fn admin_token(&self) -> PathBuf {
        self.data_dir.join("admin-token")
    }

    /// Deletes the token of an in-memory server, and the data directory if it contains nothing else.
    fn delete_admin_token(&self) -> anyhow::Result<()> {
        let token = self.admin_token();
        fs::remove_file(&token).with_context(|| format!("could not delete {}", token.display()))?;
        let mut others = fs::read_dir(&self.data_dir)?.flatten();
        if others.all(|entry| entry.file_name() == ".gitignore") {
            fs::remove_dir_all(&self.data_dir).context("could not delete the empty data directory")?;
        }
        Ok(())
    }

    /// The credentials that the API reference shows to browsers on this machine.
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
            ("sqlite::memory:".to_owned(), ephemeral_keys()?, None)
        } else {
            let guard = OwnershipCheck::Warn(app.ui);
            guard.check(&self.data_dir, Access::Change)?;
            private_file::create_dir(&self.data_dir)
                .with_context(|| format!("could not create {}", self.data_dir.display()))?;
            let store = self.data_dir.join("terra-auth.db");
            let (url, file) = (format!("sqlite://{}", store.display()), self.data_dir.join("master.key"));
            let keys = keys_for_sqlite(&store, &file, NewStore::from_flag(self.new_store), guard)?;
            let source: MasterKeySource =
                Arc::new(move || Ok(keys_for_sqlite(&store, &file, NewStore::FirstStartOnly, guard)?));
            (url, keys, Some(source))
        };
        Ok(NodeConfig {
            listener,
            public_url: None,
            store: store.into(),
            opening: OpenOptions::new_store(self.new_store),
            known_stores: None,
            connections: ConnectionOptions::default(),
            ui: app.ui,
            master_keys,
            master_key_source,
            providers: ProviderSource::Sandbox { app_name: self.name.clone().unwrap_or_else(|| "Your app".to_owned()) },
            addresses: AddressPolicy::AllowPrivate,
            observer: Arc::new(EventLog(app.ui)),
            grace: GRACE_PERIOD,
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
        let events = destination.map_or("printed below".to_owned(), |url| format!("sent to {url}, printed below"));
        let command = program_name();
        let mut text = format!("terra-auth {} is ready (this machine only)\n", env!("CARGO_PKG_VERSION"));
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
            "\n\nTry these commands in another terminal, in this directory:\n\n  \
             {command} verify-connection\n  \
             {command} generate-widget-session --reference-id user_1\n  \
             {command} sandbox connect --provider GARMIN --reference-id user_1\n\n\
             Press Ctrl-C to stop.\n"
        );
        text
    }
}

/// Deletes the data of earlier starts. Fails if another `dev` uses the data directory.
fn reset(data_dir: &Path) -> anyhow::Result<()> {
    let in_use = || {
        CommandError::new(FailureKind::Failed, "another `terra-auth dev` uses this folder", "stop it first with Ctrl-C")
    };
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

/// The path by which this program was called, for commands that the user can copy.
fn program_name() -> String {
    let called = std::path::PathBuf::from(std::env::args_os().next().unwrap_or_default());
    if called.components().count() > 1 { shown(&called) } else { "terra-auth".to_owned() }
}
