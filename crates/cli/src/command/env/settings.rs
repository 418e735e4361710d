//! Reads settings from a file or from an environment of a server.

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
    command::admin::access::{AdminOptions, credentials_of},
    env_settings::EnvSettings,
    failure::{CommandError, FailureKind},
};

/// `testing`, `staging` or `production`, or else a settings file.
#[derive(Clone, Debug)]
pub(super) enum SettingsSource {
    Environment(Environment),
    File(PathBuf),
}

impl SettingsSource {
    /// Parses an argument: the name of an environment, or else a path, which need not be UTF-8.
    pub(super) fn of(argument: &OsStr) -> Self {
        let environment = argument.to_str().and_then(|text| text.parse().ok());
        environment.map_or_else(|| Self::File(argument.into()), Self::Environment)
    }

    pub(super) fn settings(&self, app: &App, access: &AdminOptions) -> anyhow::Result<EnvSettings> {
        match self {
            Self::File(file) => read(file),
            Self::Environment(environment) => Ok(ServerEnvironment::find(app, access, *environment)?.settings()),
        }
    }
}

/// An environment of a server with its current settings.
pub(super) struct ServerEnvironment {
    pub(super) admin: AdminClient,
    pub(super) dev_id: DevId,
    current: AdminEnvironment,
}

impl ServerEnvironment {
    /// Reads the environment from the server in its credential file.
    pub(super) fn find(app: &App, access: &AdminOptions, environment: Environment) -> anyhow::Result<Self> {
        let (credentials, server) = credentials_of(app, environment)?;
        let admin = access.client_for(app, &access.server_from_argument()?.unwrap_or(server))?;
        let current = app::block_on(admin.environment(&credentials.dev_id))?;
        let current = current.with_context(|| format!("could not read the settings of {environment}"))?;
        Ok(Self { admin, dev_id: credentials.dev_id, current })
    }

    pub(super) fn settings(&self) -> EnvSettings {
        EnvSettings::of(&self.current.settings)
    }
}

/// Upper bound on the size of a settings file.
const MAX_FILE_BYTES: u64 = 1 << 20;

pub(super) fn read(file: &Path) -> anyhow::Result<EnvSettings> {
    let name = file.display();
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(MAX_FILE_BYTES).read_to_string(&mut text));
    read.with_context(|| format!("could not read {name}"))?;
    let unusable =
        |error| CommandError::new(FailureKind::Misused, format!("{name}: {error}"), "fix it; see `env diff --help`");
    Ok(EnvSettings::parse(&text).map_err(unusable)?)
}
