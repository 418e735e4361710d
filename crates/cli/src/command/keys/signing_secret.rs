use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use terra_auth::{
    credentials::SIGNING_SECRET,
    wire::admin::{RotateSigningSecret, RotatedSigningSecret, SignWith},
};

use super::{KeyDestination, Overlap, TargetOptions, destination::save_error};
use crate::{
    app::{self, App},
    command::users::format_minute,
    dry_run::DryRun,
};

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
pub(crate) struct Args {
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

impl Args {
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
