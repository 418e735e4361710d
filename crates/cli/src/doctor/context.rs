use secrecy::{ExposeSecret as _, SecretString};
use terra_auth::{
    Credentials, CredentialsError, Environment,
    credentials::{API_KEY, DEV_ID, ENV, SIGNING_SECRET, credential_folder, variable_of},
};

use super::{
    Scope,
    env_files::{self, EnvFile},
    history::{self, History},
    online::{self, EnvironmentApi},
    secret_heuristics,
    secret_scanner::SecretScanner,
    tree::{self, Tree},
};
use crate::{
    app,
    credentials::variable,
    doctor::online::ReceiverResponses,
    git::{self, GitStatus},
};

/// The input of the checks.
pub(crate) struct Context {
    /// The environments to examine.
    pub(crate) environments: Vec<Environment>,
    pub(crate) credentials: Vec<(Environment, Result<Credentials, CredentialsError>)>,
    pub(crate) env_files: Vec<EnvFile>,
    /// Every credential, from all sources.
    pub(crate) stored_credentials: Vec<StoredCredential>,
    pub(crate) tree: Tree,
    /// `None` outside a repository.
    pub(crate) history: Option<History>,
    /// Redirect URLs from the arguments.
    pub(crate) redirects: Vec<String>,
    pub(crate) gateway: Option<ReceiverResponses>,
    /// Empty when offline.
    pub(crate) online: Vec<EnvironmentApi>,
}

/// A credential and its location.
#[derive(Clone)]
pub(crate) struct StoredCredential {
    /// `None` if its environment is unknown.
    pub(crate) environment: Option<Environment>,
    pub(crate) key: &'static str,
    pub(crate) value: SecretString,
    pub(crate) location: String,
}

impl StoredCredential {
    fn is_same(&self, other: &Self) -> bool {
        let same_value = self.value.expose_secret() == other.value.expose_secret();
        self.environment == other.environment && self.key == other.key && same_value
    }

    /// Whether it must be protected. A dev-id is public.
    pub(crate) fn is_secret(&self) -> bool {
        self.key != DEV_ID && !secret_heuristics::is_placeholder(self.value.expose_secret())
    }
}

pub(crate) const KEYS: [&str; 3] = [DEV_ID, API_KEY, SIGNING_SECRET];

impl Context {
    pub(crate) fn gather(scope: &Scope) -> anyhow::Result<Self> {
        let env_files = env_files::read();
        let process = credentials_of_process();
        let environments = environments(scope, &env_files, &process);
        let loads = |environment: &Environment| {
            // Resolving an external reference may require the network.
            !scope.offline
                || !env_files.iter().any(|file| file.environment == Some(*environment) && file.has_references)
        };
        let load = |environment: Environment| (environment, load(environment));
        let credentials: Vec<_> = environments.iter().copied().filter(loads).map(load).collect();
        let mut stored_credentials: Vec<StoredCredential> =
            env_files.iter().flat_map(|file| file.credentials.clone()).chain(process).collect();
        for found in resolved_references(&credentials) {
            if !stored_credentials.iter().any(|known| known.is_same(&found)) {
                stored_credentials.push(found);
            }
        }
        let scanner = SecretScanner::new(&stored_credentials)?;
        let usable = || credentials.iter().filter_map(|(_, credentials)| credentials.as_ref().ok());
        let (online, gateway) = if scope.offline {
            (Vec::new(), None)
        } else {
            app::block_on(async {
                tokio::join!(online::probe(usable()), online::probe_receiver(scope.gateway.as_ref(), usable()))
            })?
        };
        Ok(Self {
            tree: tree::walk(&scanner, &env_files),
            history: (git::status(".") != GitStatus::NoRepository).then(|| history::read(&scanner)),
            redirects: scope.redirects.clone(),
            environments,
            credentials,
            env_files,
            stored_credentials,
            gateway,
            online,
        })
    }

    /// The credentials that were loaded without an error.
    pub(crate) fn usable(&self) -> impl Iterator<Item = &Credentials> {
        self.credentials.iter().filter_map(|(_, credentials)| credentials.as_ref().ok())
    }
}

/// The environment of the plain variables: the one that `TERRA_ENV` names, else the default of all commands.
fn environment_of_process() -> Option<Environment> {
    variable::text(ENV).map_or(Some(Environment::default()), |name| name.parse().ok())
}

fn credentials_of_process() -> Vec<StoredCredential> {
    let credential = |environment, name: &str, key: &'static str| {
        let location = format!("{name} of the process environment");
        Some(StoredCredential { environment, key, value: variable::text(name)?.into(), location })
    };
    let plain = KEYS.into_iter().filter_map(|key| credential(environment_of_process(), key, key));
    let own = |one| KEYS.into_iter().filter_map(move |key| credential(Some(one), &variable_of(key, one), key));
    plain.chain(Environment::ALL.into_iter().flat_map(own)).collect()
}

fn environments(scope: &Scope, files: &[EnvFile], process: &[StoredCredential]) -> Vec<Environment> {
    if !scope.environments.is_empty() {
        return scope.environments.clone();
    }
    let all = || files.iter().flat_map(|file| &file.credentials).chain(process);
    let here = |environment: &Environment| {
        files.iter().any(|file| file.name == terra_auth::credentials::file_name(*environment))
            || all().any(|credential| credential.environment == Some(*environment))
    };
    Environment::ALL.into_iter().filter(here).collect()
}

/// Loads the credentials. The plain variables of the process environment apply to one environment only.
fn load(environment: Environment) -> Result<Credentials, CredentialsError> {
    let is_plains = environment_of_process() == Some(environment);
    let plain = is_plains && KEYS.into_iter().any(|key| variable::text(key).is_some());
    let counts = |name: &str| plain || Environment::ALL.iter().any(|one| name.ends_with(&variable_of("", *one)));
    Credentials::load_from(environment, &credential_folder(environment), &|name| {
        variable::text(name).filter(|_| counts(name))
    })
}

/// The values of external references, so the scanner can search for them as well.
fn resolved_references(credentials: &[(Environment, Result<Credentials, CredentialsError>)]) -> Vec<StoredCredential> {
    let of = |environment, credentials: &Credentials| {
        let credential = |key, value: &str| StoredCredential {
            environment: Some(environment),
            key,
            value: value.into(),
            location: credentials.source.to_string(),
        };
        let secret = credentials.signing_secret.as_ref().map(|secret| credential(SIGNING_SECRET, secret.expose()));
        [credential(API_KEY, credentials.api_key.expose())].into_iter().chain(secret).collect::<Vec<_>>()
    };
    credentials
        .iter()
        .filter_map(|(environment, credentials)| Some(of(*environment, credentials.as_ref().ok()?)))
        .flatten()
        .collect()
}
