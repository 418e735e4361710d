//! The keys of one environment and where they come from.
//!
//! 1. The variables of the process environment that name the environment, such as `TERRA_DEV_ID_TESTING` and
//!    `TERRA_API_KEY_TESTING`, if both are set. So one process can have the keys of several environments.
//! 2. Else `TERRA_DEV_ID` and `TERRA_API_KEY` of the process environment, if both are set.
//! 3. Else the file `.env.terra.<environment>`, or where that is absent `.env.<environment>`.
//!
//! If one half of a pair of variables is set and the other is not, loading fails. Whichever source it is, *every* value comes from it: a dev-id never meets a key, or a key an address, from elsewhere. Keys that
//! belong to another environment are refused: the process environment's when `TERRA_ENV` names another one, and any that
//! another environment's file beside it, or another environment's own variables, have too. An empty variable counts as absent.
//!
//! The API key and the signing secret may be kept elsewhere: see [`Reference`].

use std::{
    fmt,
    path::{Path, PathBuf},
};

use terra_auth_types::{ApiKey, DevId, Environment, SigningSecret};
use url::Url;

pub use error::{CredentialsError, Place};
pub use load::Written;
pub use reference::{Reference, ReferenceError};

mod error;
mod file;
mod hosts;
mod load;
mod reference;
mod settings;

/// The variable with the public half of the keys.
pub const DEV_ID: &str = "TERRA_DEV_ID";
/// The variable with the secret half of the keys.
pub const API_KEY: &str = "TERRA_API_KEY";
/// The variable with the secret that verifies webhooks. Optional.
pub const SIGNING_SECRET: &str = "TERRA_SIGNING_SECRET";
/// The variable with the signing secret that is being replaced; it verifies webhooks too. Optional.
pub const RETIRING_SIGNING_SECRET: &str = "TERRA_RETIRING_SIGNING_SECRET";
/// The variable with the API's address; the hosted API unless given.
pub const API_URL: &str = "TERRA_API_URL";
/// The variable with the address of the widget's pages; goes with the API's unless given.
pub const WIDGET_URL: &str = "TERRA_WIDGET_URL";
/// The variable with the streaming socket's address; goes with the API's unless given.
pub const STREAMING_URL: &str = "TERRA_STREAMING_URL";
/// The variable that says which environment the process environment's keys belong to. Optional.
pub const ENV: &str = "TERRA_ENV";

/// The keys of one environment, and the addresses they are for.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose they are.
    pub environment: Environment,
    /// The public half.
    pub dev_id: DevId,
    /// The secret half.
    pub api_key: ApiKey,
    /// Verifies webhooks; no call needs it.
    pub signing_secret: Option<SigningSecret>,
    /// Verifies webhooks too, while the other takes its place.
    pub retiring_signing_secret: Option<SigningSecret>,
    /// The API, such as `https://api.tryterra.co/v2`.
    pub api_url: Url,
    /// Where the widget's pages are. A session's own URL counts; this is for what must know them before, such as a CSP.
    pub widget_url: Url,
    /// The streaming socket's host, such as `wss://ws.tryterra.co`; the hosted socket is at its path `/connect`.
    pub streaming_url: Url,
    /// Where all of this comes from.
    pub source: Source,
    /// What works but should be mended, for people.
    pub notices: Vec<String>,
}

/// Where credentials come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The program made them itself.
    Program,
    /// The process environment.
    Process,
    /// The variables of the process environment that name this environment, such as `TERRA_API_KEY_TESTING`.
    ProcessOf(Environment),
    /// A credential file.
    File(PathBuf),
}

impl Source {
    /// The name of `key` as it is written there.
    fn variable(&self, key: &str) -> String {
        match self {
            Self::ProcessOf(environment) => variable_of(key, *environment),
            Self::Program | Self::Process | Self::File(_) => key.to_owned(),
        }
    }

    /// What holds `key`, as an error names it: `file .env.testing`, `variable TERRA_API_KEY_TESTING`.
    fn with_kind(&self, key: &str) -> String {
        match self {
            Self::File(file) => format!("file {}", file.display()),
            Self::Program | Self::Process | Self::ProcessOf(_) => format!("variable {}", self.variable(key)),
        }
    }

    /// Whether it is a file that other users of this machine can open. Always `false` where files have no mode.
    fn is_open_to_others(&self) -> bool {
        match self {
            Self::File(file) => open_to_others(file),
            Self::Program | Self::Process | Self::ProcessOf(_) => false,
        }
    }
}

#[cfg(unix)]
fn open_to_others(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn open_to_others(_: &Path) -> bool {
    false
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program => f.write_str("the program"),
            Self::Process => f.write_str("the process environment"),
            Self::ProcessOf(environment) => write!(f, "the process environment (…{})", variable_of("", *environment)),
            Self::File(file) => file.display().fmt(f),
        }
    }
}

impl Credentials {
    /// Keys from elsewhere, such as a vault, for the hosted API.
    #[must_use]
    pub fn new(environment: Environment, dev_id: DevId, api_key: ApiKey) -> Self {
        let hosts = hosts::Hosts::published();
        Self {
            environment,
            dev_id,
            api_key,
            signing_secret: None,
            retiring_signing_secret: None,
            api_url: hosts.api,
            widget_url: hosts.widget,
            streaming_url: hosts.streaming,
            source: Source::Program,
            notices: Vec::new(),
        }
    }

    /// All secrets that a webhook may be signed with now.
    pub fn signing_secrets(&self) -> impl Iterator<Item = &SigningSecret> {
        self.signing_secret.iter().chain(&self.retiring_signing_secret)
    }

    /// Loads from the process environment and the working directory.
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] names the file, line or variable to mend, and never shows a value.
    ///
    /// Where a [`Reference`] stands, this waits for who is referred to.
    pub fn load(environment: Environment) -> Result<Self, CredentialsError> {
        Self::load_from(environment, Path::new(""), &|name| std::env::var(name).ok())
    }

    /// Loads from `vars`, which stand for the process environment, and the files in `dir`.
    ///
    /// # Errors
    ///
    /// As [`Credentials::load`].
    pub fn load_from(
        environment: Environment,
        dir: &Path,
        vars: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialsError> {
        Written::find(environment, dir, vars)?.read()
    }
}

/// The variable that gives `key` to one environment only: `TERRA_API_KEY_TESTING`.
#[must_use]
pub fn variable_of(key: &str, environment: Environment) -> String {
    format!("{key}_{}", environment.as_str().to_ascii_uppercase())
}

/// The credential file of `environment`.
#[must_use]
pub fn file_name(environment: Environment) -> String {
    format!(".env.terra.{environment}")
}
