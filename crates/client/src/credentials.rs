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
//! The files are looked for in the working directory, and in the folders above it up to the root of the repository.
//!
//! The API key and the signing secret may be kept elsewhere: see [`Reference`]. A file may say so only if its user has agreed
//! to it: see [`TrustStore`].

use std::{
    fmt,
    path::{Path, PathBuf},
};

use terra_auth_types::{ApiKey, DevId, Environment, SigningSecret};
use url::Url;

pub use error::{CredentialsError, Place};
pub use file::expands;
pub use load::Written;
pub use reference::{Audience, Reference, ReferenceError};
pub use search::folder_of;
pub use trust::{FileDigest, TRUSTED_FILES, Trust, TrustStore, TrustedFile};

mod error;
mod file;
mod hosts;
mod load;
mod reference;
mod search;
mod settings;
mod trust;

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

/// Every variable that gives keys or addresses to an environment, in the order of a new credential file. Each has a form for
/// one environment only: see [`variable_of`].
pub const VARIABLES: [&str; 7] =
    [DEV_ID, API_KEY, SIGNING_SECRET, RETIRING_SIGNING_SECRET, API_URL, WIDGET_URL, STREAMING_URL];

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

    /// Whom the keys are sent to.
    #[must_use]
    pub fn audience(&self) -> Audience {
        Audience::of(&self.api_url, &self.streaming_url)
    }

    /// Loads from the process environment, or from the nearest credential file: see [`folder_of`].
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] names the file, line or variable to mend, and never shows a value.
    ///
    /// Where a [`Reference`] stands, this waits for who is referred to.
    pub fn load(environment: Environment) -> Result<Self, CredentialsError> {
        Self::load_from(environment, &folder_of(environment), &|name| std::env::var(name).ok())
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
