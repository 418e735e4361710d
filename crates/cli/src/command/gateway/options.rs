//! Where the settings, the store and the secrets of a gateway come from.

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
    failure::{Advice, Kind},
    guard::Guard,
    node::secret_in,
    opening::{ConnectionOptions, Opening},
    private_file, variable,
};

pub(crate) const STORE: &str = "TERRA_AUTH_GATEWAY_STORE";
pub(crate) const FORWARD_SECRET: &str = "TERRA_AUTH_FORWARD_SECRET";
pub(crate) const JWT_SECRET: &str = "TERRA_AUTH_JWT_SECRET";
pub(crate) const PROXY_SECRET: &str = "TERRA_AUTH_PROXY_SECRET";

const DATA_DIR: &str = "TERRA_AUTH_DATA_DIR";

/// Where a gateway listens unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8790);

/// The shortest secret that signs; what is shorter can be guessed.
const SHORTEST_SECRET: usize = 16;

/// Flags over the settings file.
#[derive(Default, PartialEq, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) places: Places,
    #[command(flatten)]
    pub(crate) opening: Opening,
    #[command(flatten)]
    pub(crate) connections: ConnectionOptions,
    /// Where the app's users reach the gateway [default: 127.0.0.1:8790]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where /metrics, /healthz and /readyz are answered, for machines only [default: nowhere]
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) operations_listen: Option<SocketAddr>,
    /// The app's own URL that says who is logged in
    #[arg(long, value_name = "URL")]
    pub(crate) who_am_i: Option<Url>,
    /// Where in that URL's JSON the user's id is [default: id]
    #[arg(long, value_name = "FIELD", requires = "who_am_i")]
    pub(crate) user_field: Option<String>,
    /// Forward each event to this URL of the app, signed
    #[arg(long, value_name = "URL")]
    pub(crate) forward_to: Option<Url>,
    /// A host under which browsers ask, as `gateway.example.com`; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) public_host: Vec<String>,
    /// Let pages of this origin call, as `https://app.example`; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,
}

/// Where a gateway's files are.
#[derive(Default, PartialEq, clap::Args)]
pub(crate) struct Places {
    /// The settings [default: gateway.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Holds a SQLite file for each environment and the secret that signs what is forwarded, where they are not elsewhere [default: `$TERRA_AUTH_DATA_DIR`, else .terra-auth]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// A settings file, and the settings in it.
#[derive(Default)]
pub(crate) struct SettingsFile {
    pub(crate) settings: Settings,
    /// `None` if there is none.
    pub(crate) path: Option<PathBuf>,
    /// The same settings by their names, as far as the file has them.
    pub(crate) table: Table,
}

impl Options {
    /// The settings file, with the flags over it.
    pub(crate) fn read(&self) -> anyhow::Result<SettingsFile> {
        let mut read = self.places.read()?;
        let settings = &mut read.settings;
        settings.listen = self.listen.or(settings.listen).or(Some(LISTEN));
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

impl Places {
    /// All of them in one folder.
    pub(crate) fn in_dir(data_dir: &Path) -> Self {
        Self { config: None, data_dir: Some(data_dir.to_owned()) }
    }

    /// The settings of the file that was named, else of `gateway.toml` if it is there.
    pub(crate) fn read(&self) -> anyhow::Result<SettingsFile> {
        let file = self.config.as_deref().unwrap_or(Path::new("gateway.toml"));
        // It says where logins are checked and where events go, whether it was named or found.
        Guard::Refuses.check(file, Access::Change)?;
        let text = match std::fs::read_to_string(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.config.is_none() => {
                return Ok(SettingsFile::default());
            }
            text => text.map_err(|error| misused(format!("could not read {}: {error}", file.display())))?,
        };
        let settings = Settings::from_toml(&text, &file.display().to_string());
        let settings = settings.map_err(|error| misused(error.to_string()))?;
        Ok(SettingsFile { settings, path: Some(file.to_owned()), table: text.parse().unwrap_or_default() })
    }

    /// The store's address: the variable's, else the file's, else a SQLite file in the data directory, one for each
    /// environment: what is known of one must not be compared with another.
    pub(crate) fn store(&self, settings: &Settings, environment: Environment) -> SecretString {
        let default = || format!("sqlite://{}", self.data_dir().join(format!("gateway-{environment}.db")).display());
        variable::secret(STORE).unwrap_or_else(|| settings.store.clone().unwrap_or_else(default).into())
    }

    /// The secret that signs what is forwarded: the variable's, else the file's, which is made where there is none yet.
    pub(crate) fn forward_secret(&self) -> anyhow::Result<SigningSecret> {
        if let Some(secret) = variable::secret(FORWARD_SECRET) {
            return signing_secret(&secret, FORWARD_SECRET);
        }
        let file = self.forward_secret_file();
        Guard::Refuses.check(&file, Access::ReadOrChange)?;
        signing_secret(&secret_in(&file)?, &file.display().to_string())
    }

    /// Whether the next start makes the secret.
    pub(crate) fn makes_forward_secret(&self) -> bool {
        variable::secret(FORWARD_SECRET).is_none() && !self.forward_secret_file().exists()
    }

    pub(crate) fn forward_secret_file(&self) -> PathBuf {
        self.data_dir().join("forward-secret")
    }

    /// Makes the data directory if the store is in it.
    pub(crate) fn make_dir_of(&self, store: &SecretString) -> anyhow::Result<()> {
        let path = store.expose_secret().strip_prefix("sqlite://").map(Path::new);
        if path.is_some_and(|path| path.starts_with(self.data_dir())) { self.make_data_dir() } else { Ok(()) }
    }

    pub(crate) fn make_data_dir(&self) -> anyhow::Result<()> {
        let dir = self.data_dir();
        Guard::Refuses.check(&dir, Access::Change)?;
        private_file::create_dir(&dir).with_context(|| format!("could not make {}", dir.display()))
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
    if text.len() < SHORTEST_SECRET {
        let message = format!("{origin} holds a secret of less than {SHORTEST_SECRET} characters");
        return Err(Advice::new(Kind::Misused, message, "make one with: openssl rand -hex 32").into());
    }
    Ok(text.into())
}

fn misused(message: String) -> Advice {
    Advice::new(Kind::Misused, message, "mend it, then see what it amounts to with `terra-auth gateway check`")
}
