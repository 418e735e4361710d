//! `terra-auth providers app`: manages an environment's own apps at providers.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use terra_auth::{ClientSecret, Provider, wire::admin::AdminProviderApp};

use crate::{
    app::{self, App},
    command::{keys::TargetOptions, users::format_minute},
    failure::{CommandError, FailureKind},
    prompt,
    ui::{shown, table},
    variable,
};

mod check;
mod remove;
mod rotate;
mod set;

/// Manage an environment's own apps at providers
///
/// They replace the apps of `serve --provider-apps`, which are for all environments.
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth providers app list",
    "terra-auth providers app set OURA --client-id acme --secret-file oura.secret",
    "pass show oura | terra-auth providers app rotate OURA --secret-file -",
])]
pub(crate) enum Command {
    List(List),
    Check(check::Args),
    Set(set::Args),
    Rotate(rotate::Args),
    Remove(remove::Args),
}

impl Command {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Check(args) => args.run(app),
            Self::Set(args) => args.run(app),
            Self::Rotate(args) => args.run(app),
            Self::Remove(args) => args.run(app),
        }
    }
}

/// List the environment's own apps, each with the last four characters of its secret
#[derive(Args)]
#[command(after_help = examples!["terra-auth providers app list --env production"])]
pub(crate) struct List {
    #[command(flatten)]
    target: TargetOptions,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let target = self.target.find(app)?;
        let apps =
            app::block_on(target.admin(app)?.list_provider_apps(&target.dev_id))?.context("could not list the apps")?;
        app.ui.result(|| rows(&apps), &apps)
    }
}

fn rows(apps: &[AdminProviderApp]) -> String {
    let row = |app: &AdminProviderApp| {
        let used = app.last_used_at.map_or_else(|| "never".to_owned(), format_minute);
        let previous = app.previous_until.map_or_else(String::new, |until| format!("until {}", format_minute(until)));
        let headers = shown(&app.headers.join(" "));
        let (client_id, hint) = (shown(&app.client_id), masked_hint(&app.hint));
        let profile = shown(app.profile.as_deref().unwrap_or_default());
        [app.provider.to_string(), client_id, hint, profile, headers, format_minute(app.changed_at), used, previous]
    };
    let header = ["provider", "client id", "secret", "profile", "headers", "set", "last used", "previous secret"];
    table(header, apps.iter().map(row))
}

/// The masked form of a secret.
fn masked_hint(hint: &str) -> String {
    format!("••••{}", shown(hint))
}

/// The provider and the secrets of an app. A secret is never an argument, because other users could see it.
#[derive(Args)]
struct AppSecretOptions {
    /// Provider, such as OURA
    provider: Provider,
    /// Read the client secret from the first line of a file, or of standard input with `-`
    ///
    /// Without this option, the secret is read from `TERRA_AUTH_CLIENT_SECRET`, else from a prompt.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Header of every call to the provider, with its value in the first line of a file; repeatable
    #[arg(long = "header-file", value_name = "NAME=FILE", value_parser = header)]
    headers: Vec<(String, PathBuf)>,
}

fn header(text: &str) -> Result<(String, PathBuf), String> {
    let split = text.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty());
    split
        .map(|(name, file)| (name.to_owned(), file.into()))
        .ok_or_else(|| "use NAME=FILE, such as X-Key=key.txt".to_owned())
}

const SECRET: &str = "TERRA_AUTH_CLIENT_SECRET";

impl AppSecretOptions {
    fn client_secret(&self) -> anyhow::Result<ClientSecret> {
        if let Some(file) = &self.secret_file {
            return first_line(file);
        }
        if let Some(secret) = variable::text(SECRET) {
            return Ok(secret.trim().into());
        }
        if !prompt::has_terminal() {
            let next = format!("pass a file with --secret-file, or - for standard input, or set {SECRET}");
            return Err(CommandError::new(FailureKind::Misused, "no client secret given", next).into());
        }
        Ok(prompt::secret("The app's client secret:", "find it on the provider's developer page")?.into())
    }

    fn headers(&self) -> anyhow::Result<BTreeMap<String, ClientSecret>> {
        self.headers.iter().map(|(name, file)| Ok((name.clone(), first_line(file)?))).collect()
    }
}

/// Upper bound on the length of a secret.
const MAX_SECRET_BYTES: u64 = 4096;

fn first_line(file: &Path) -> anyhow::Result<ClientSecret> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().take(MAX_SECRET_BYTES).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(MAX_SECRET_BYTES).read_to_string(&mut text))
    };
    read.with_context(|| format!("could not read {}", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().trim().into())
}
