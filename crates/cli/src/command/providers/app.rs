//! `terra-auth providers app`: the apps that an environment has of its own.

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
    ask,
    command::{keys::Whose, users::minute},
    failure::{Advice, Kind},
    ui::{shown, table},
    variable,
};

mod check;
mod remove;
mod rotate;
mod set;

/// See, check, set, replace and remove the apps that an environment has of its own at providers
///
/// They take the place of those of `serve --provider-apps`, which are for all environments.
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

/// List the environment's own apps; of each secret its last four characters
#[derive(Args)]
#[command(after_help = examples!["terra-auth providers app list --env production"])]
pub(crate) struct List {
    #[command(flatten)]
    whose: Whose,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let owner = self.whose.find(app)?;
        let apps =
            app::wait(owner.admin(app)?.list_provider_apps(&owner.dev_id))?.context("could not list the apps")?;
        app.ui.result(|| rows(&apps), &apps)
    }
}

fn rows(apps: &[AdminProviderApp]) -> String {
    let row = |app: &AdminProviderApp| {
        let used = app.last_used_at.map_or_else(|| "never".to_owned(), minute);
        let previous = app.previous_until.map_or_else(String::new, |until| format!("until {}", minute(until)));
        let headers = shown(&app.headers.join(" "));
        let (client_id, hint) = (shown(&app.client_id), hidden(&app.hint));
        let profile = shown(app.profile.as_deref().unwrap_or_default());
        [app.provider.to_string(), client_id, hint, profile, headers, minute(app.changed_at), used, previous]
    };
    let header = ["provider", "client id", "secret", "profile", "headers", "set", "last used", "previous secret"];
    table(header, apps.iter().map(row))
}

/// A secret as it can be told apart.
fn hidden(hint: &str) -> String {
    format!("••••{}", shown(hint))
}

/// Which app, and what it proves itself with. No secret is an argument: others could see it.
#[derive(Args)]
struct Secrets {
    /// The provider, such as OURA
    provider: Provider,
    /// Read the client secret from the first line of a file, or of standard input with `-`
    ///
    /// Without it the secret is `TERRA_AUTH_CLIENT_SECRET`, or is asked for.
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Send a header along with every call to the provider, its value the first line of a file; may be repeated
    #[arg(long = "header-file", value_name = "NAME=FILE", value_parser = header)]
    headers: Vec<(String, PathBuf)>,
}

fn header(text: &str) -> Result<(String, PathBuf), String> {
    let split = text.split_once('=').filter(|(name, file)| !name.is_empty() && !file.is_empty());
    split.map(|(name, file)| (name.to_owned(), file.into())).ok_or_else(|| "write it like X-Key=key.txt".to_owned())
}

const SECRET: &str = "TERRA_AUTH_CLIENT_SECRET";

impl Secrets {
    fn client_secret(&self) -> anyhow::Result<ClientSecret> {
        if let Some(file) = &self.secret_file {
            return first_line(file);
        }
        if let Some(secret) = variable::text(SECRET) {
            return Ok(secret.trim().into());
        }
        if !ask::possible() {
            let next = format!("name a file with --secret-file, - for standard input, or set {SECRET}");
            return Err(Advice::new(Kind::Misused, "there is no client secret", next).into());
        }
        Ok(ask::secret("The app's client secret:", "the provider's page for developers shows it")?.into())
    }

    fn headers(&self) -> anyhow::Result<BTreeMap<String, ClientSecret>> {
        self.headers.iter().map(|(name, file)| Ok((name.clone(), first_line(file)?))).collect()
    }
}

/// No secret is longer.
const LONGEST: u64 = 4096;

fn first_line(file: &Path) -> anyhow::Result<ClientSecret> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().take(LONGEST).read_to_string(&mut text)
    } else {
        File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut text))
    };
    read.with_context(|| format!("could not read {}", file.display()))?;
    Ok(text.lines().next().unwrap_or_default().trim().into())
}
