//! Reads settings from a file or from an environment of a server.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueHint;
use serde_json::json;
use terra_auth::{DevId, Environment, admin::AdminClient, wire::admin::AdminEnvironment};

use crate::{
    app::{self, App},
    command::admin::access::{AdminOptions, credentials_of},
    credentials::env_settings::{EnvSettings, difference_table},
    failure::{CommandError, FailureKind},
    terminal::prompt,
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

/// Apply the settings in a file to an environment, after showing the changes
///
/// Settings that the file omits stay unchanged. `env export` writes such a file.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env apply settings.toml --env production --dry-run",
    "terra-auth env apply settings.toml --env production --yes",
])]
pub(crate) struct Apply {
    /// Settings file
    #[arg(value_hint = ValueHint::FilePath)]
    file: PathBuf,
    /// Show what would change, without changing anything
    #[arg(long)]
    dry_run: bool,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    access: AdminOptions,
}

impl Apply {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let wanted = read(&self.file)?;
        let owned = ServerEnvironment::find(app, &self.access, app.environment)?;
        let differences = owned.settings().differences(&wanted);
        let header = ["setting", "now", "new"];
        let applied = !self.dry_run && !differences.is_empty();
        if applied {
            let question = || {
                Ok(format!("{}\n\nApply these changes to {}?", difference_table(header, &differences), app.environment))
            };
            prompt::confirm_or_yes(self.yes, "applied", question)?;
            let change = wanted.to_change();
            app::block_on(owned.admin.change_environment(&owned.dev_id, &change))?
                .context("could not apply the settings")?;
        }
        app.ui.note(match (applied, differences.is_empty()) {
            (true, _) => "applied",
            (false, true) => "nothing to change",
            (false, false) => "dry run: nothing was changed",
        })?;
        let shown = || if differences.is_empty() { String::new() } else { difference_table(header, &differences) };
        app.ui.result(shown, &json!({ "applied": applied, "changes": differences }))
    }
}

/// Compare the settings of two environments: providers, redirect allow-list, destination, branding,
/// user limit, user ids
///
/// Each side is a settings file, or `testing`, `staging` or `production`, whose settings are read
/// from the server in its credential file. A settings file is TOML with any of: `name`, `logo_url`
/// ("" for none), `accent` ("#rrggbb" or ""), `user_limit` (a number or "none"), `providers` (a list
/// or "all"), `redirect_allow_list`, `destination` (or ""), `keep_user_id` and `bound_tokens_only`
/// (true or false). It contains no secrets. Settings that one side omits are not compared.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env diff testing production",
    "terra-auth env diff testing production --output json",
    "terra-auth env diff staging.toml production",
])]
pub(crate) struct Diff {
    /// Environment or settings file
    left: OsString,
    /// Environment or settings file to compare with
    right: OsString,
    #[command(flatten)]
    access: AdminOptions,
}

impl Diff {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let side = |text: &OsStr| SettingsSource::of(text).settings(app, &self.access);
        let differences = side(&self.left)?.differences(&side(&self.right)?);
        if differences.is_empty() {
            app.ui.note("no differences")?;
        }
        let [left, right] = [&self.left, &self.right].map(|side| side.to_string_lossy());
        let header = ["setting", &*left, &*right];
        app.ui.result(
            || if differences.is_empty() { String::new() } else { difference_table(header, &differences) },
            &differences,
        )
    }
}
