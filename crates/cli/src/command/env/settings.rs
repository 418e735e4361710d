//! Where settings come from: a file, or an environment of a server.

use std::{
    ffi::OsStr,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use terra_auth::{DevId, Environment, admin::AdminClient, wire::admin::AdminEnvironment};

use crate::{
    app::{self, App},
    command::admin::access::{Access, held},
    env_settings::EnvSettings,
    failure::{Advice, Kind},
};

/// `testing`, `staging` or `production`, or else a settings file.
#[derive(Clone, Debug)]
pub(super) enum Side {
    Environment(Environment),
    File(PathBuf),
}

impl Side {
    /// A name of an environment, or else of a file, which need not be text.
    pub(super) fn of(argument: &OsStr) -> Self {
        let environment = argument.to_str().and_then(|text| text.parse().ok());
        environment.map_or_else(|| Self::File(argument.into()), Self::Environment)
    }

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
        let (credentials, server) = held(app, environment)?;
        let admin = access.open_at(app, &access.named()?.unwrap_or(server))?;
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
