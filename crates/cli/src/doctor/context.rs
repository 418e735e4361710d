use secrecy::{ExposeSecret as _, SecretString};
use terra_auth::{
    Credentials, CredentialsError, Environment,
    credentials::{API_KEY, DEV_ID, ENV, SIGNING_SECRET, folder_of, variable_of},
};

use super::{
    Scope,
    env_files::{self, EnvFile},
    eye::Eye,
    gateway::{self, Gateway},
    history::{self, History},
    online::{self, Online},
    suspicion,
    tree::{self, Tree},
};
use crate::{
    app,
    git::{self, Standing},
    variable,
};

/// All that was seen.
pub(crate) struct Context {
    /// Those that are examined.
    pub(crate) environments: Vec<Environment>,
    pub(crate) credentials: Vec<(Environment, Result<Credentials, CredentialsError>)>,
    pub(crate) env_files: Vec<EnvFile>,
    /// Every credential, wherever it stands.
    pub(crate) held: Vec<Held>,
    pub(crate) tree: Tree,
    /// `None` outside a repository.
    pub(crate) history: Option<History>,
    /// Given as arguments.
    pub(crate) redirects: Vec<String>,
    pub(crate) gateway: Option<Gateway>,
    /// Empty when offline.
    pub(crate) online: Vec<Online>,
}

/// A credential and where it stands.
#[derive(Clone)]
pub(crate) struct Held {
    /// `None` where nothing says whose it is.
    pub(crate) environment: Option<Environment>,
    pub(crate) key: &'static str,
    pub(crate) value: SecretString,
    pub(crate) place: String,
}

impl Held {
    fn is_same(&self, other: &Self) -> bool {
        let same_value = self.value.expose_secret() == other.value.expose_secret();
        self.environment == other.environment && self.key == other.key && same_value
    }

    /// Whether it is worth protecting; a dev-id is public.
    pub(crate) fn is_secret(&self) -> bool {
        self.key != DEV_ID && !suspicion::is_placeholder(self.value.expose_secret())
    }
}

pub(crate) const KEYS: [&str; 3] = [DEV_ID, API_KEY, SIGNING_SECRET];

impl Context {
    pub(crate) fn gather(scope: &Scope) -> anyhow::Result<Self> {
        let env_files = env_files::read();
        let process = of_process();
        let environments = environments(scope, &env_files, &process);
        let loads = |environment: &Environment| {
            // A reference may need the network.
            !scope.offline || !env_files.iter().any(|file| file.environment == Some(*environment) && file.refers)
        };
        let load = |environment: Environment| (environment, load(environment));
        let credentials: Vec<_> = environments.iter().copied().filter(loads).map(load).collect();
        let mut held: Vec<Held> = env_files.iter().flat_map(|file| file.held.clone()).chain(process).collect();
        for found in resolved(&credentials) {
            if !held.iter().any(|known| known.is_same(&found)) {
                held.push(found);
            }
        }
        let eye = Eye::new(&held)?;
        let usable = || credentials.iter().filter_map(|(_, credentials)| credentials.as_ref().ok());
        let (online, gateway) = if scope.offline {
            (Vec::new(), None)
        } else {
            app::wait(async { tokio::join!(online::ask(usable()), gateway::ask(scope.gateway.as_ref(), usable())) })?
        };
        Ok(Self {
            tree: tree::walk(&eye, &env_files),
            history: (git::standing(".") != Standing::NoRepository).then(|| history::read(&eye)),
            redirects: scope.redirects.clone(),
            environments,
            credentials,
            env_files,
            held,
            gateway,
            online,
        })
    }

    /// The credentials that can be used.
    pub(crate) fn usable(&self) -> impl Iterator<Item = &Credentials> {
        self.credentials.iter().filter_map(|(_, credentials)| credentials.as_ref().ok())
    }
}

/// Whose keys the process environment holds: what it says, else what every command takes by default.
fn environment_of_process() -> Option<Environment> {
    variable::text(ENV).map_or(Some(Environment::default()), |name| name.parse().ok())
}

fn of_process() -> Vec<Held> {
    let held = |environment, name: &str, key: &'static str| {
        let place = format!("{name} of the process environment");
        Some(Held { environment, key, value: variable::text(name)?.into(), place })
    };
    let plain = KEYS.into_iter().filter_map(|key| held(environment_of_process(), key, key));
    let own = |one| KEYS.into_iter().filter_map(move |key| held(Some(one), &variable_of(key, one), key));
    plain.chain(Environment::ALL.into_iter().flat_map(own)).collect()
}

fn environments(scope: &Scope, files: &[EnvFile], process: &[Held]) -> Vec<Environment> {
    if !scope.environments.is_empty() {
        return scope.environments.clone();
    }
    let held = || files.iter().flat_map(|file| &file.held).chain(process);
    let here = |environment: &Environment| {
        files.iter().any(|file| file.name == terra_auth::credentials::file_name(*environment))
            || held().any(|held| held.environment == Some(*environment))
    };
    Environment::ALL.into_iter().filter(here).collect()
}

/// The plain variables of the process environment count for one environment only.
fn load(environment: Environment) -> Result<Credentials, CredentialsError> {
    let is_plains = environment_of_process() == Some(environment);
    let plain = is_plains && KEYS.into_iter().any(|key| variable::text(key).is_some());
    let counts = |name: &str| plain || Environment::ALL.iter().any(|one| name.ends_with(&variable_of("", *one)));
    Credentials::load_from(environment, &folder_of(environment), &|name| variable::text(name).filter(|_| counts(name)))
}

/// What a reference leads to can be searched for too.
fn resolved(credentials: &[(Environment, Result<Credentials, CredentialsError>)]) -> Vec<Held> {
    let of = |environment, credentials: &Credentials| {
        let held = |key, value: &str| Held {
            environment: Some(environment),
            key,
            value: value.into(),
            place: credentials.source.to_string(),
        };
        let secret = credentials.signing_secret.as_ref().map(|secret| held(SIGNING_SECRET, secret.expose()));
        [held(API_KEY, credentials.api_key.expose())].into_iter().chain(secret).collect::<Vec<_>>()
    };
    credentials
        .iter()
        .filter_map(|(environment, credentials)| Some(of(*environment, credentials.as_ref().ok()?)))
        .flatten()
        .collect()
}
