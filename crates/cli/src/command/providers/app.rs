//! `terra-auth providers app`: manages an environment's own apps at providers.

mod check;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use serde_json::json;
use terra_auth::{
    ClientSecret, Provider,
    wire::admin::{AdminProviderApp, RotateProviderApp, SetProviderApp},
};

use crate::{
    app::{self, App},
    command::{
        keys::{Overlap, TargetOptions},
        users::format_minute,
    },
    credentials::variable,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::{
        prompt,
        ui::{shown, table},
    },
};

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
    Set(Set),
    Rotate(Rotate),
    Remove(Remove),
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

/// Remove the environment's own app at a provider
///
/// If `serve --provider-apps` has an app at this provider, the environment uses that one. Grants of the
/// removed app can no longer be refreshed or revoked.
#[derive(clap::Args)]
#[command(after_help = examples!["terra-auth providers app remove OURA --yes"])]
pub(crate) struct Remove {
    /// Provider, such as OURA
    provider: Provider,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Remove {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { provider, yes, dry_run, target } = self;
        let target = target.find(app)?;
        let dev_id = &target.dev_id;
        let what = format!("remove the app of {dev_id} at {provider}");
        if dry_run.report(app.ui, &what, &json!({ "remove_provider_app": { "provider": provider } }))? {
            return Ok(());
        }
        prompt::confirm_or_yes(yes, "removed", || {
            Ok(format!("Remove the app of {dev_id} at {provider}? Its grants can no longer be refreshed or revoked."))
        })?;
        app::block_on(target.admin(app)?.remove_provider_app(dev_id, &provider))?
            .context("could not remove the app")?;
        app.ui.result(|| format!("Removed the app of {dev_id} at {provider}"), &json!({ "removed": provider }))
    }
}

/// Rotate the secret of the environment's app at a provider
///
/// During the overlap, the server uses the old secret if the provider rejects the new one. You can
/// therefore change the secret here and at the provider in any order.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers app rotate OURA --secret-file oura.secret",
    "terra-auth providers app rotate OURA --secret-file oura.secret --now",
])]
pub(crate) struct Rotate {
    #[command(flatten)]
    secrets: AppSecretOptions,
    #[command(flatten)]
    overlap: Overlap,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Rotate {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { secrets, overlap: Overlap { overlap: overlap_s, now }, dry_run, target } = self;
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        let (client_secret, headers) = (secrets.client_secret()?, secrets.headers()?);
        let what = format!("rotate the secret of the app of {} at {}", target.dev_id, secrets.provider);
        if dry_run.report(app.ui, &what, &json!({ "rotate_provider_app": { "provider": secrets.provider } }))? {
            return Ok(());
        }
        let how = RotateProviderApp { client_secret, headers, overlap_s, now };
        let rotated = app::block_on(admin.rotate_provider_app(&target.dev_id, &secrets.provider, &how))?;
        let rotated = rotated.context("could not rotate the secret")?;
        app.ui.result(|| rows(std::slice::from_ref(&rotated)), &rotated)
    }
}

/// Set the environment's own app at a provider
///
/// A grant belongs to a client id. After a change of the client id, grants of the previous one can no
/// longer be refreshed. For a new secret, use `rotate`.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth providers app set OURA --client-id acme --secret-file oura.secret",
    "terra-auth providers app set OURA --client-id acme --secret-file oura.secret --profile developer_portal",
    "terra-auth providers app set SUUNTO --client-id acme --header-file Ocp-Apim-Subscription-Key=suunto.key",
])]
pub(crate) struct Set {
    #[command(flatten)]
    secrets: AppSecretOptions,
    /// Client id of the app at the provider
    #[arg(long, value_name = "ID")]
    client_id: String,
    /// Profile of the recipe, if the provider has different kinds of apps; see `providers show`
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Set {
    pub(super) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { secrets, client_id, profile, dry_run, target } = self;
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        let (client_secret, headers) = (secrets.client_secret()?, secrets.headers()?);
        let what = format!("set the app of {} at {} to {}", target.dev_id, secrets.provider, shown(&client_id));
        let json = json!({ "set_provider_app": { "provider": secrets.provider, "client_id": client_id } });
        if dry_run.report(app.ui, &what, &json)? {
            return Ok(());
        }
        let set = SetProviderApp { client_id, client_secret, headers, profile };
        let stored = app::block_on(admin.set_provider_app(&target.dev_id, &secrets.provider, &set))?;
        let stored = stored.context("could not set the app")?;
        app.ui.result(|| rows(std::slice::from_ref(&stored)), &stored)
    }
}
