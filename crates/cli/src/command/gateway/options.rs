//! The options of a gateway, and the sources of its settings, store and secrets.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth::{Environment, SigningSecret, ownership::Access};
use terra_auth_gateway::{Settings, settings::WhoAmISettings};
use toml::Table;
use url::Url;

use crate::{
    credentials::{
        guard::OwnershipCheck,
        private_file::{self, read_or_create_secret},
        variable,
    },
    failure::{CommandError, FailureKind},
    service::open_options::{ConnectionOptions, OpenOptions},
};

pub(crate) const STORE: &str = "TERRA_AUTH_GATEWAY_STORE";

pub(crate) const FORWARD_SECRET: &str = "TERRA_AUTH_FORWARD_SECRET";

pub(crate) const JWT_SECRET: &str = "TERRA_AUTH_JWT_SECRET";

pub(crate) const PROXY_SECRET: &str = "TERRA_AUTH_PROXY_SECRET";

const DATA_DIR: &str = "TERRA_AUTH_DATA_DIR";

/// The default address.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8790);

/// Minimum length of a signing secret. A shorter one can be guessed.
const MIN_SECRET_BYTES: usize = 16;

/// Options that override the settings file.
#[derive(Default, PartialEq, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) paths: GatewayPaths,
    #[command(flatten)]
    pub(crate) opening: OpenOptions,
    #[command(flatten)]
    pub(crate) connections: ConnectionOptions,
    /// Address to listen on for pages and apps [default: 127.0.0.1:8790]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Address to listen on for /metrics, /healthz and /readyz, for internal use only [default: none]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) operations_listen: Option<SocketAddr>,
    /// URL of the app that returns the logged-in user
    #[arg(long, value_name = "URL")]
    pub(crate) who_am_i: Option<Url>,
    /// Field with the user's id in that URL's JSON response [default: id]
    #[arg(long, value_name = "FIELD", requires = "who_am_i")]
    pub(crate) user_field: Option<String>,
    /// URL of the app to which each event is forwarded, signed
    #[arg(long, value_name = "URL")]
    pub(crate) forward_to: Option<Url>,
    /// Public host name of the gateway, such as `gateway.example.com`; repeatable
    #[arg(long, value_name = "HOST")]
    pub(crate) public_host: Vec<String>,
    /// Origin whose pages may call the gateway, such as `https://app.example`; repeatable
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,
}

/// The locations of a gateway's files.
#[derive(Default, PartialEq, clap::Args)]
pub(crate) struct GatewayPaths {
    /// Settings file [default: gateway.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data directory: one SQLite file per environment and the forward secret, unless configured
    /// elsewhere [default: `$TERRA_AUTH_DATA_DIR`, else .terra-auth]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// A settings file, and the settings in it.
#[derive(Default)]
pub(crate) struct SettingsFile {
    pub(crate) settings: Settings,
    /// `None` if there is no settings file.
    pub(crate) path: Option<PathBuf>,
    /// The settings in the file, by name.
    pub(crate) table: Table,
}

impl Options {
    /// Reads the settings file, and applies the options to it.
    pub(crate) fn read(&self) -> anyhow::Result<SettingsFile> {
        let mut read = self.paths.read()?;
        let settings = &mut read.settings;
        settings.listen = self.listen.or(settings.listen).or(Some(DEFAULT_LISTEN));
        settings.operations_listen = self.operations_listen.or(settings.operations_listen);
        if let Some(url) = &self.who_am_i {
            let who_am_i = settings.login.who_am_i.get_or_insert_with(|| who_am_i_at(url));
            who_am_i.url.clone_from(url);
            who_am_i.user_field = self.user_field.clone().or(who_am_i.user_field.take());
        }
        if let Some(url) = &self.forward_to {
            settings.webhooks.forward_to = Some(url.clone());
        }
        if !self.public_host.is_empty() {
            settings.public_hosts.clone_from(&self.public_host);
        }
        if !self.allow_origin.is_empty() {
            settings.cors.allowed_origins.clone_from(&self.allow_origin);
        }
        Ok(read)
    }
}

impl GatewayPaths {
    /// All files in one folder.
    pub(crate) fn in_dir(data_dir: &Path) -> Self {
        Self { config: None, data_dir: Some(data_dir.to_owned()) }
    }

    /// Reads the settings from the given file, else from `gateway.toml` if it exists.
    pub(crate) fn read(&self) -> anyhow::Result<SettingsFile> {
        let file = self.config.as_deref().unwrap_or(Path::new("gateway.toml"));
        // The file decides where logins are checked and where events are sent.
        OwnershipCheck::Fail.check(file, Access::Change)?;
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.config.is_none() => {
                return Ok(SettingsFile::default());
            }
            text => text.map_err(|error| settings_error(format!("could not read {}: {error}", file.display())))?,
        };
        let settings = Settings::from_toml(&text, &file.display().to_string());
        let settings = settings.map_err(|error| settings_error(error.to_string()))?;
        Ok(SettingsFile { settings, path: Some(file.to_owned()), table: text.parse().unwrap_or_default() })
    }

    /// The URL of the store: from the variable, else from the settings file, else a SQLite file in the data directory.
    /// Each environment has its own file, because its connections must not be compared with another environment's.
    pub(crate) fn store(&self, settings: &Settings, environment: Environment) -> SecretString {
        let default = || format!("sqlite://{}", self.data_dir().join(format!("gateway-{environment}.db")).display());
        variable::secret(STORE).unwrap_or_else(|| settings.store.clone().unwrap_or_else(default).into())
    }

    /// The secret that signs forwarded events: from the variable, else from the file, which is created if missing.
    pub(crate) fn forward_secret(&self) -> anyhow::Result<SigningSecret> {
        if let Some(secret) = variable::secret(FORWARD_SECRET) {
            return signing_secret(&secret, FORWARD_SECRET);
        }
        let file = self.forward_secret_file();
        OwnershipCheck::Fail.check(&file, Access::ReadOrChange)?;
        signing_secret(&read_or_create_secret(&file)?, &file.display().to_string())
    }

    /// Whether the next start creates the secret.
    pub(crate) fn creates_forward_secret(&self) -> bool {
        variable::secret(FORWARD_SECRET).is_none() && !self.forward_secret_file().exists()
    }

    pub(crate) fn forward_secret_file(&self) -> PathBuf {
        self.data_dir().join("forward-secret")
    }

    /// Creates the data directory if the store is in it.
    pub(crate) fn create_dir_of_store(&self, store: &SecretString) -> anyhow::Result<()> {
        let path = store.expose_secret().strip_prefix("sqlite://").map(Path::new);
        if path.is_some_and(|path| path.starts_with(self.data_dir())) { self.create_data_dir() } else { Ok(()) }
    }

    pub(crate) fn create_data_dir(&self) -> anyhow::Result<()> {
        let dir = self.data_dir();
        OwnershipCheck::Fail.check(&dir, Access::Change)?;
        private_file::create_dir(&dir).with_context(|| format!("could not create {}", dir.display()))
    }

    fn data_dir(&self) -> PathBuf {
        let of_process = || variable::path(DATA_DIR);
        self.data_dir.clone().or_else(of_process).unwrap_or_else(|| ".terra-auth".into())
    }
}

fn who_am_i_at(url: &Url) -> WhoAmISettings {
    WhoAmISettings {
        url: url.clone(),
        user_field: None,
        user_header: None,
        pass_on: None,
        cache_s: None,
        timeout_s: None,
    }
}

fn signing_secret(secret: &SecretString, origin: &str) -> anyhow::Result<SigningSecret> {
    let text = secret.expose_secret().trim();
    if text.len() < MIN_SECRET_BYTES {
        let message = format!("the secret in {origin} is shorter than {MIN_SECRET_BYTES} characters");
        return Err(CommandError::new(FailureKind::Misused, message, "create one with: openssl rand -hex 32").into());
    }
    Ok(text.into())
}

fn settings_error(message: String) -> CommandError {
    CommandError::new(FailureKind::Misused, message, "fix it, then check the settings with `terra-auth gateway check`")
}
