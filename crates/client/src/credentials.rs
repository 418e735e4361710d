//! The keys of one environment, and the rules for loading them.
//!
//! The sources, in order of precedence:
//!
//! 1. The variables of the process environment that name the environment, such as `TERRA_DEV_ID_TESTING` and
//!    `TERRA_API_KEY_TESTING`, if both are set. They allow one process to have the keys of several environments.
//! 2. `TERRA_DEV_ID` and `TERRA_API_KEY` of the process environment, if both are set.
//! 3. The file `.env.terra.<environment>` or, if it does not exist, `.env.<environment>`.
//!
//! If only one variable of a pair is set, loading fails. *All* values come from one source: a dev-id is never
//! combined with a key, or a key with a URL, of another source. An empty variable counts as absent.
//!
//! Keys of another environment are rejected: the process environment's if `TERRA_ENV` names another environment, and
//! keys that another environment's file in the same folder, or another environment's own variables, have too.
//!
//! The files are searched in the working directory, and in the folders above it up to the root of the repository.
//!
//! The API key and the signing secret can be stored elsewhere: see [`Reference`]. A file can refer to another
//! store only if its user trusts the file: see [`TrustStore`].

use std::{
    fmt,
    path::{Path, PathBuf},
};

use terra_auth_types::{ApiKey, DevId, Environment, SigningSecret};
use url::Url;

pub use error::{CredentialsError, SourceLocation};
pub use file::has_variable_expansion;
pub use load::UnresolvedCredentials;
pub use reference::{Audience, Reference, ReferenceError};
pub use search::credential_folder;
pub use trust::{FileDigest, TRUSTED_FILES, Trust, TrustStore, TrustedFile};

mod error;
mod file;
mod hosts;
mod load;
mod reference;
mod search;
mod settings;
mod trust;

/// The variable with the dev-id, the public half of the keys.
pub const DEV_ID: &str = "TERRA_DEV_ID";
/// The variable with the API key, the secret half of the keys.
pub const API_KEY: &str = "TERRA_API_KEY";
/// The variable with the secret that verifies webhooks. Optional.
pub const SIGNING_SECRET: &str = "TERRA_SIGNING_SECRET";
/// The variable with the signing secret that is being replaced; it verifies webhooks too. Optional.
pub const RETIRING_SIGNING_SECRET: &str = "TERRA_RETIRING_SIGNING_SECRET";
/// The variable with the API's URL. The default is the hosted API.
pub const API_URL: &str = "TERRA_API_URL";
/// The variable with the URL of the widget's pages. The default depends on the API's URL.
pub const WIDGET_URL: &str = "TERRA_WIDGET_URL";
/// The variable with the streaming socket's URL. The default depends on the API's URL.
pub const STREAMING_URL: &str = "TERRA_STREAMING_URL";
/// The variable with the environment that the process environment's keys belong to. Optional.
pub const ENV: &str = "TERRA_ENV";

/// All variables with keys and URLs of an environment, in the order of a new credential file. Each has a form for one
/// environment only: see [`variable_of`].
pub const VARIABLES: [&str; 7] =
    [DEV_ID, API_KEY, SIGNING_SECRET, RETIRING_SIGNING_SECRET, API_URL, WIDGET_URL, STREAMING_URL];

/// The keys of one environment, and the URLs that they are for.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The environment of the keys.
    pub environment: Environment,
    /// The public half of the keys.
    pub dev_id: DevId,
    /// The secret half of the keys.
    pub api_key: ApiKey,
    /// The secret that verifies webhooks. No call needs it.
    pub signing_secret: Option<SigningSecret>,
    /// The signing secret that is being replaced. It verifies webhooks too.
    pub retiring_signing_secret: Option<SigningSecret>,
    /// The URL of the API, such as `https://api.tryterra.co/v2`.
    pub api_url: Url,
    /// The URL of the widget's pages, for settings such as a content security policy. Sessions have their own URLs.
    pub widget_url: Url,
    /// The URL of the streaming host, such as `wss://ws.tryterra.co`. The hosted socket is at the path `/connect`.
    pub streaming_url: Url,
    /// The source of all values.
    pub source: Source,
    /// Warnings about problems that should be fixed, for people.
    pub warnings: Vec<String>,
}

/// The source of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The program created them itself.
    Program,
    /// The process environment.
    Process,
    /// The variables of the process environment that name this environment, such as `TERRA_API_KEY_TESTING`.
    ProcessOf(Environment),
    /// A credential file.
    File(PathBuf),
}

impl Source {
    /// Returns the name of the variable for `key` in this source.
    fn variable(&self, key: &str) -> String {
        match self {
            Self::ProcessOf(environment) => variable_of(key, *environment),
            Self::Program | Self::Process | Self::File(_) => key.to_owned(),
        }
    }

    /// Returns the location of `key` for errors: `file .env.testing`, `variable TERRA_API_KEY_TESTING`.
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
    /// Creates credentials for the hosted API with keys from another source, such as a vault.
    #[must_use]
    pub fn new(environment: Environment, dev_id: DevId, api_key: ApiKey) -> Self {
        let hosts = hosts::BaseUrls::published();
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
            warnings: Vec::new(),
        }
    }

    /// Returns all secrets that may currently sign a webhook.
    pub fn signing_secrets(&self) -> impl Iterator<Item = &SigningSecret> {
        self.signing_secret.iter().chain(&self.retiring_signing_secret)
    }

    /// The servers that the keys are sent to.
    #[must_use]
    pub fn audience(&self) -> Audience {
        Audience::of(&self.api_url, &self.streaming_url)
    }

    /// Loads credentials from the process environment or the nearest credential file: see [`credential_folder`].
    ///
    /// # Errors
    ///
    /// [`CredentialsError`] names the file, line or variable to fix, and never contains a value.
    ///
    /// For a [`Reference`], this blocks until the value is resolved.
    pub fn load(environment: Environment) -> Result<Self, CredentialsError> {
        Self::load_from(environment, &credential_folder(environment), &|name| std::env::var(name).ok())
    }

    /// Loads credentials from `vars`, which replace the process environment, or from the files in `dir`.
    ///
    /// # Errors
    ///
    /// See [`Credentials::load`].
    pub fn load_from(
        environment: Environment,
        dir: &Path,
        vars: &impl Fn(&str) -> Option<String>,
    ) -> Result<Self, CredentialsError> {
        UnresolvedCredentials::find(environment, dir, vars)?.resolve()
    }
}

/// Returns the form of the variable `key` for one environment only: `TERRA_API_KEY_TESTING`.
#[must_use]
pub fn variable_of(key: &str, environment: Environment) -> String {
    format!("{key}_{}", environment.as_str().to_ascii_uppercase())
}

/// Returns the name of the credential file of `environment`.
#[must_use]
pub fn file_name(environment: Environment) -> String {
    format!(".env.terra.{environment}")
}
