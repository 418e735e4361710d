//! Where settings come from: a file, or an environment of a server.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::Context as _;
use terra_auth::{Credentials, DevId, Environment, admin::AdminClient, wire::admin::AdminEnvironment};

use crate::{
    app::{self, App},
    command::admin::access::Access,
    env_settings::EnvSettings,
    failure::{Advice, Kind},
};

/// `testing`, `staging` or `production`, or else a settings file.
#[derive(Clone, Debug)]
pub(super) enum Side {
    Environment(Environment),
    File(PathBuf),
}

impl FromStr for Side {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| Self::File(text.into()), Self::Environment))
    }
}

impl Side {
    pub(super) fn settings(&self, app: &App, access: &Access) -> anyhow::Result<EnvSettings> {
        match self {
            Self::File(file) => read(file),
            Self::Environment(environment) => Ok(Owned::find(app, access, *environment)?.settings()),
        }
    }
}

/// An environment of a server, as it is now.
pub(super) struct Owned {
    pub(super) admin: AdminClient,
    pub(super) dev_id: DevId,
    now: AdminEnvironment,
}

impl Owned {
    /// Asks the server that the environment's credential file names.
    pub(super) fn find(app: &App, access: &Access, environment: Environment) -> anyhow::Result<Self> {
        let credentials = Credentials::load(environment)?;
        let server = access.server.as_ref().unwrap_or(&credentials.api_url);
        let admin = access.open_at(app, server)?;
        let now = app::wait(admin.environment(&credentials.dev_id))?;
        let now = now.with_context(|| format!("could not read the settings of {environment}"))?;
        Ok(Self { admin, dev_id: credentials.dev_id, now })
    }

    pub(super) fn settings(&self) -> EnvSettings {
        EnvSettings::of(&self.now.settings)
    }
}

/// No settings file is longer.
const LONGEST: u64 = 1 << 20;

pub(super) fn read(file: &Path) -> anyhow::Result<EnvSettings> {
    let name = file.display();
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    read.with_context(|| format!("could not read {name}"))?;
    let unusable = |error| Advice::new(Kind::Misused, format!("{name}: {error}"), "mend it; see `env diff --help`");
    Ok(EnvSettings::parse(&text).map_err(unusable)?)
}
