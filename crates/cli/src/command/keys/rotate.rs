//! `terra-auth keys rotate` and `rotate-signing-secret`.

use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use terra_auth::{
    KeyId,
    admin::AdminClient,
    credentials::{API_KEY, SIGNING_SECRET},
    wire::admin::{AdminKey, IssuedKey, RetireKey, RotateSigningSecret, RotatedSigningSecret, SignWith},
};

use super::{KeyDestination, Overlap, TargetOptions, masked_hint, target::Target};
use crate::{
    app::{self, App},
    command::{
        keys::target::{HostedOptions, save_error},
        users::format_minute,
    },
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::ui::shown,
};

/// Rotate a key: write a new one to the credential file; the old one remains valid for 24 h
///
/// The new key has the name and scopes of the old one. Use the overlap to give the new key to every
/// service that uses the old one. Other lines of the file stay unchanged.
///
/// Terra's hosted API has no overlap. There, the command explains how to rotate without a gap.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys rotate",
    "terra-auth keys rotate --env production --overlap 72h",
    "terra-auth keys rotate 00000000-0000-4000-8000-000000000001 --print",
    "terra-auth keys rotate --now",
])]
pub(crate) struct Args {
    /// Key id, as listed by `terra-auth keys list` [default: that of the key in the credential file]
    key_id: Option<KeyId>,
    #[command(flatten)]
    overlap: Overlap,
    /// Print the new key once, instead of writing it to the credential file
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    hosted: HostedOptions,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { key_id, overlap: Overlap { overlap, now }, print, hosted, dry_run, target } = self;
        let target = target.find(app)?;
        if target.hosted && dry_run.dry_run {
            let what = format!("guide through the rotation of the key of {}", target.dev_id);
            return dry_run.report(app.ui, &what, &json!({ "rotate_key": target.dev_id })).map(drop);
        }
        if target.hosted {
            return hosted.rotate(app, &target, print);
        }
        hosted.reject()?;
        let admin = target.admin(app)?;
        let old = find_key(&target, &admin, key_id)?;
        let destination = if print { None } else { Some(destination_of(app, &target, &old)?) };
        let what = format!("rotate key {} of {}", old.key_id, target.dev_id);
        if dry_run.report(app.ui, &what, &json!({ "rotate_key": old }))? {
            return Ok(());
        }
        let how = RetireKey { overlap_s: overlap, now, force: false };
        let issued = app::block_on(admin.rotate_api_key(&target.dev_id, old.key_id, how))?;
        let issued = issued.context("could not rotate the key")?;
        match destination.map(|destination| destination.write_key(app, API_KEY, issued.api_key.expose())) {
            None => print_key(app, &issued),
            Some(Ok(location)) => report_saved_key(app, &issued, &location),
            Some(Err(error)) => {
                print_key(app, &issued)?;
                Err(save_error(error))
            }
        }
    }
}

/// The key with this id, or the one in the credential file, which is found by its last characters.
fn find_key(target: &Target, admin: &AdminClient, key_id: Option<KeyId>) -> anyhow::Result<AdminKey> {
    let mut keys = app::block_on(admin.list_api_keys(&target.dev_id))?.context("could not list the keys")?;
    keys.retain(|key| key.expires_at.is_none_or(|at| app::now() < at));
    keys.retain(|key| key_id.map_or_else(|| target.has_key(&key.hint), |key_id| key.key_id == key_id));
    let next = "choose one listed by `terra-auth keys list`";
    match (keys.pop(), keys.is_empty(), key_id) {
        (Some(key), true, _) => Ok(key),
        (None, _, Some(key_id)) => {
            Err(CommandError::new(FailureKind::NotFound, format!("no valid key has the id {key_id}"), next).into())
        }
        (None, _, None) => {
            let message =
                format!("{} has no valid key with the last characters of the credential file's key", target.dev_id);
            Err(CommandError::new(FailureKind::NotFound, message, next).into())
        }
        (Some(_), false, _) => {
            let message = "several keys have the last characters of the credential file's key";
            Err(CommandError::new(FailureKind::Misused, message, next).into())
        }
    }
}

/// The storage of the new key. The file's own key is never replaced with another one, which may have fewer scopes.
fn destination_of(app: &App, target: &Target, old: &AdminKey) -> anyhow::Result<KeyDestination> {
    let destination = KeyDestination::of(app, target, API_KEY)?;
    if target.has_key(&old.hint) {
        return Ok(destination);
    }
    let message = format!("key {} is not the one in the credential file", old.key_id);
    Err(CommandError::new(FailureKind::Misused, message, "add --print to print the new key instead").into())
}

fn print_key(app: &App, issued: &IssuedKey) -> anyhow::Result<()> {
    app.ui.result(|| issued.api_key.expose().to_owned(), issued)?;
    Ok(app.ui.note(&format!("the key is not shown again\n{}", old_key_notice(issued)))?)
}

fn report_saved_key(app: &App, issued: &IssuedKey, location: &str) -> anyhow::Result<()> {
    let IssuedKey { dev_id, api_key, key, retiring } = issued;
    let masked = app.ui.masked(api_key.expose());
    let json = json!({ "dev_id": dev_id, "api_key": masked, "key": key, "retiring": retiring, "written_to": location });
    let name = shown(&key.name);
    app.ui.result(|| format!("Wrote the new key {masked} (“{name}”) to {location}\n{}", old_key_notice(issued)), &json)
}

fn old_key_notice(issued: &IssuedKey) -> String {
    let line = |old: &AdminKey| {
        let hint = masked_hint(&old.hint);
        match old.expires_at.filter(|at| app::now() < *at) {
            Some(at) => {
                format!("The old key {hint} is valid until {}: switch every service to the new one", format_minute(at))
            }
            None => format!("The old key {hint} no longer works"),
        }
    };
    issued.retiring.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Rotate the secret that signs the environment's webhooks
///
/// While both secrets are valid, --sign-with selects the one that signs. With `old`, the new secret is
/// printed, and you distribute it to the receivers during the overlap. With `new` or `both`, it is
/// written to the credential file.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys rotate-signing-secret",
    "terra-auth keys rotate-signing-secret --sign-with both --overlap 48h",
    "terra-auth keys rotate-signing-secret --now",
])]
pub(crate) struct SigningSecret {
    /// Secret that signs during the overlap; use `both` only if all receivers accept several signatures
    #[arg(long, value_name = "WHICH", value_parser = sign_with_parser(), default_value = "old", conflicts_with = "now")]
    sign_with: SignWith,
    #[command(flatten)]
    overlap: Overlap,
    /// Print the new secret once, instead of writing it to the credential file
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

fn sign_with_parser() -> impl TypedValueParser<Value = SignWith> {
    let names = [SignWith::Old, SignWith::New, SignWith::Both].map(SignWith::as_str);
    PossibleValuesParser::new(names).try_map(|name| SignWith::from_name(&name).ok_or("no such choice"))
}

impl SigningSecret {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { sign_with, overlap: Overlap { overlap, now }, print, dry_run, target } = self;
        let target = target.find(app)?;
        // A program that verifies with the file's secret must not read one that does not sign yet.
        let signs = now || sign_with != SignWith::Old;
        let destination = if signs && !print { Some(KeyDestination::of(app, &target, SIGNING_SECRET)?) } else { None };
        let how = RotateSigningSecret { overlap_s: overlap, now, sign_with };
        let what = format!("rotate the signing secret of {}", target.dev_id);
        if dry_run.report(app.ui, &what, &json!({ "rotate_signing_secret": target.dev_id }))? {
            return Ok(());
        }
        let rotated = app::block_on(target.admin(app)?.rotate_signing_secret(&target.dev_id, how))?;
        let rotated = rotated.context("could not rotate the signing secret")?;
        let write =
            |destination: KeyDestination| destination.write_key(app, SIGNING_SECRET, rotated.signing_secret.expose());
        match destination.map(write) {
            None => print_secret(app, &rotated, sign_with),
            Some(Ok(location)) => report_saved_secret(app, &rotated, sign_with, &location),
            Some(Err(error)) => {
                print_secret(app, &rotated, sign_with)?;
                Err(save_error(error))
            }
        }
    }
}

fn print_secret(app: &App, rotated: &RotatedSigningSecret, sign_with: SignWith) -> anyhow::Result<()> {
    app.ui.result(|| rotated.signing_secret.expose().to_owned(), rotated)?;
    Ok(app.ui.note(&format!("the secret is not shown again\n{}", signing_notice(rotated, sign_with)))?)
}

fn report_saved_secret(
    app: &App,
    rotated: &RotatedSigningSecret,
    sign_with: SignWith,
    location: &str,
) -> anyhow::Result<()> {
    let RotatedSigningSecret { dev_id, signing_secret, old_until } = rotated;
    let masked = app.ui.masked(signing_secret.expose());
    let json = json!({ "dev_id": dev_id, "signing_secret": masked, "old_until": old_until, "written_to": location });
    let plain = || format!("Wrote the new secret {masked} to {location}\n{}", signing_notice(rotated, sign_with));
    app.ui.result(plain, &json)
}

fn signing_notice(rotated: &RotatedSigningSecret, sign_with: SignWith) -> String {
    let Some(until) = rotated.old_until.map(format_minute) else {
        return "Every webhook is signed with the new secret from now on".to_owned();
    };
    match sign_with {
        SignWith::Old => {
            format!("Webhooks are signed with the old secret until {until}: receivers must accept both until then")
        }
        SignWith::New => {
            format!("Webhooks are signed with the new secret from now on; the old one is deleted at {until}")
        }
        SignWith::Both => {
            format!("Webhooks are signed with both secrets until {until}: switch the receivers to the new one by then")
        }
    }
}
