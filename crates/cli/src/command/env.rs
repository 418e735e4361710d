//! `terra-auth env`: shows the keys and settings of environments, and runs programs with their keys.

mod list;
mod settings;
mod trust;

use std::{ffi::OsString, io, os::unix::process::CommandExt as _, process};

use clap::Subcommand;
use serde_json::json;
use terra_auth::{
    Credentials, Environment, SigningSecret,
    credentials::{
        API_KEY, API_URL, DEV_ID, ENV, RETIRING_SIGNING_SECRET, Reference, SIGNING_SECRET, STREAMING_URL, Trust,
        UnresolvedCredentials, VARIABLES, WIDGET_URL, variable_of,
    },
};

use crate::{
    app::{self, App},
    command::{
        admin::access::{ADMIN_VARIABLES, AdminOptions},
        env::settings::ServerEnvironment,
        users::format_minute,
    },
    credentials::verified,
    failure::{CommandError, FailureKind},
    terminal::ui::{Ui, table},
};

/// Manage the keys and settings of environments
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth env list",
    "terra-auth env show --env staging",
    "terra-auth env exec --env staging -- npm start",
    "terra-auth env diff testing production",
])]
pub(crate) enum Command {
    List(list::Args),
    Show(Show),
    Exec(Exec),
    Diff(settings::Diff),
    Export(Export),
    Apply(settings::Apply),
    Trust(trust::Args),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
            Self::Exec(args) => args.run(app),
            Self::Diff(args) => args.run(app),
            Self::Export(args) => args.run(app),
            Self::Apply(args) => args.run(app),
            Self::Trust(args) => args.run(app),
        }
    }
}

/// Export an environment's settings, without secrets, as a file for `env apply`
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth env export --env staging > settings.toml"])]
pub(crate) struct Export {
    #[command(flatten)]
    access: AdminOptions,
}

impl Export {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let settings = ServerEnvironment::find(app, &self.access, app.environment)?.settings();
        app.ui.result(|| format!("# Settings of {}, without secrets.\n{settings}", app.environment), &settings)
    }
}

/// Run a program with an environment's keys in its process environment
///
/// Sets `TERRA_DEV_ID`, `TERRA_API_KEY`, `TERRA_API_URL`, `TERRA_WIDGET_URL`, `TERRA_STREAMING_URL`
/// and `TERRA_ENV`, and, if they exist, `TERRA_SIGNING_SECRET` and `TERRA_RETIRING_SIGNING_SECRET`.
/// Unsets the variables of other environments, such as `TERRA_API_KEY_TESTING`. References to
/// external secrets are resolved first. An admin token is passed to the program only if the
/// credential file is trusted.
///
/// The program replaces this process, so it receives signals directly and its exit code is returned.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env exec -- python app.py",
    "terra-auth env exec --env staging -- sh -c 'echo $TERRA_DEV_ID'",
])]
pub(crate) struct Exec {
    /// Program and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Exec {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let mut words = self.command.into_iter();
        let program = words.next().unwrap_or_default();
        let mut command = process::Command::new(&program);
        command.args(words);
        let trust = app::unresolved_credentials(app.environment)?.trust();
        set_variables(&mut command, &app.credentials()?);
        if trust != Trust::Trusted {
            // The program cannot distinguish an address from an untrusted file from one that the user has set, so it
            // could send the admin token there.
            for name in ADMIN_VARIABLES {
                command.env_remove(name);
            }
        }
        Err(run_error(&program.to_string_lossy(), &command.exec()).into())
    }
}

/// Sets the variables of one environment, and unsets those of other environments that this process may have.
fn set_variables(command: &mut process::Command, credentials: &Credentials) {
    for key in VARIABLES {
        command.env_remove(key);
        for environment in Environment::ALL {
            command.env_remove(variable_of(key, environment));
        }
        if let Some(value) = value_of(credentials, key) {
            command.env(key, value);
        }
    }
    command.env(ENV, credentials.environment.as_str());
}

fn value_of<'a>(credentials: &'a Credentials, key: &str) -> Option<&'a str> {
    let Credentials { dev_id, api_key, signing_secret, retiring_signing_secret, .. } = credentials;
    match key {
        DEV_ID => Some(dev_id.as_str()),
        API_KEY => Some(api_key.expose()),
        SIGNING_SECRET => signing_secret.as_ref().map(SigningSecret::expose),
        RETIRING_SIGNING_SECRET => retiring_signing_secret.as_ref().map(SigningSecret::expose),
        API_URL => Some(credentials.api_url.as_str()),
        WIDGET_URL => Some(credentials.widget_url.as_str()),
        STREAMING_URL => Some(credentials.streaming_url.as_str()),
        _ => None,
    }
}

fn run_error(program: &str, error: &io::Error) -> CommandError {
    let next = "shell built-ins and pipes require a shell: -- sh -c '…'";
    CommandError::new(FailureKind::Failed, format!("could not run {program}: {error}"), next)
}

/// A key or secret as a list shows it: masked, or as its external reference.
pub(super) fn masked_or_reference(ui: Ui, written: &UnresolvedCredentials, key: &str) -> Option<String> {
    let text = written.text(key)?;
    Some(match Reference::parse(text) {
        Ok(None) => ui.masked(text),
        Ok(Some(reference)) => reference.to_string(),
        Err(_) => "invalid reference".to_owned(),
    })
}

/// The external reference that the value is read from, if there is one.
pub(super) fn external_reference(written: &UnresolvedCredentials, key: &str) -> Option<String> {
    let reference = Reference::parse(written.text(key)?).ok()??;
    Some(reference.to_string())
}

/// Show an environment's keys and addresses, and the source of each
///
/// Secrets are masked unless --reveal is given. References to external secrets are resolved, so the
/// command fails if one cannot be read.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env show",
    "terra-auth env show --env production --output json",
    "terra-auth env show --reveal",
])]
pub(crate) struct Show {}

impl Show {
    #[expect(clippy::unused_self, reason = "all commands have the same signature")]
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let written = app::unresolved_credentials(app.environment)?;
        let from = Origins::of(&written);
        let verified = verified::last_verified(&written);
        let credentials = written.resolve()?;
        credentials.warnings.iter().try_for_each(|notice| app.ui.warn(notice))?;
        let secret = credentials.signing_secret.as_ref().map(|secret| app.ui.masked(secret.expose()));
        let values = [
            ("dev-id", "dev_id", Some(credentials.dev_id.to_string())),
            ("API key", "api_key", Some(app.ui.masked(credentials.api_key.expose()))),
            ("signing secret", "signing_secret", secret),
            ("API", "api_url", Some(credentials.api_url.to_string())),
            ("widget", "widget_url", Some(credentials.widget_url.to_string())),
            ("streaming", "streaming_url", Some(credentials.streaming_url.to_string())),
        ];
        let mut json = json!({ "environment": app.environment, "last_verified": verified });
        for ((_, name, value), from) in values.iter().zip(&from.0) {
            json[name] = json!({ "value": value, "from": from });
        }
        let rows = values.iter().zip(from.0).map(|((name, _, value), from)| {
            [(*name).to_owned(), value.clone().unwrap_or_else(|| "–".to_owned()), from.unwrap_or_default()]
        });
        let environment = ["environment".to_owned(), app.environment.to_string(), String::new()];
        let verified =
            ["last verified".to_owned(), verified.map_or_else(|| "never".to_owned(), format_minute), String::new()];
        let rows = [environment].into_iter().chain(rows).chain([verified]);
        app.ui.result(|| table(["name", "value", "from"], rows), &json)
    }
}

/// The source of each value, in display order. `None` for a missing value.
struct Origins([Option<String>; 6]);

impl Origins {
    fn of(written: &UnresolvedCredentials) -> Self {
        let keys = [DEV_ID, API_KEY, SIGNING_SECRET, API_URL, WIDGET_URL, STREAMING_URL];
        Self(keys.map(|key| match written.text(key) {
            Some(_) => {
                let keeper =
                    external_reference(written, key).map(|keeper| format!("{keeper}, by ")).unwrap_or_default();
                Some(format!("{keeper}{}", written.location(key)))
            }
            None if key == API_URL => Some("the hosted API".to_owned()),
            None if [WIDGET_URL, STREAMING_URL].contains(&key) => Some("derived from the API".to_owned()),
            None => None,
        }))
    }
}
