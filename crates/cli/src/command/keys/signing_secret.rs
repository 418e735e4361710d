use anyhow::Context as _;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use serde_json::json;
use terra_auth::{
    credentials::SIGNING_SECRET,
    wire::admin::{RotateSigningSecret, RotatedSigningSecret, SignWith},
};

use super::{Overlap, Place, Whose, place::not_written};
use crate::{
    app::{self, App},
    command::users::minute,
    dry_run::DryRun,
};

/// Rotate the secret that signs the environment's webhooks
///
/// While both exist, --sign-with says which of them signs. With the old one, receivers are given the new one meanwhile, and
/// it is printed; once the new one signs, it is written into the credential file instead.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys rotate-signing-secret",
    "terra-auth keys rotate-signing-secret --sign-with both --overlap 48h",
    "terra-auth keys rotate-signing-secret --now",
])]
pub(crate) struct Args {
    /// Which one signs until the overlap ends; `both` only for receivers that read several signatures
    #[arg(long, value_name = "WHICH", value_parser = which(), default_value = "old", conflicts_with = "now")]
    sign_with: SignWith,
    #[command(flatten)]
    overlap: Overlap,
    /// Print the new secret, once, instead of writing it into the credential file
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    whose: Whose,
}

fn which() -> impl TypedValueParser<Value = SignWith> {
    let names = [SignWith::Old, SignWith::New, SignWith::Both].map(SignWith::as_str);
    PossibleValuesParser::new(names).try_map(|name| SignWith::from_name(&name).ok_or("no such choice"))
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { sign_with, overlap: Overlap { overlap, now }, print, dry_run, whose } = self;
        let owner = whose.find(app)?;
        // Whoever verifies with the file's secret must not be given one that does not sign yet.
        let signs = now || sign_with != SignWith::Old;
        let place = if signs && !print { Some(Place::of(app, &owner, SIGNING_SECRET)?) } else { None };
        let how = RotateSigningSecret { overlap_s: overlap, now, sign_with };
        let what = format!("rotate the signing secret of {}", owner.dev_id);
        if dry_run.stops(app.ui, &what, &json!({ "rotate_signing_secret": owner.dev_id }))? {
            return Ok(());
        }
        let rotated = app::wait(owner.admin(app)?.rotate_signing_secret(&owner.dev_id, how))?;
        let rotated = rotated.context("could not rotate the signing secret")?;
        match place.map(|place| place.put(app, SIGNING_SECRET, rotated.signing_secret.expose())) {
            None => printed(app, &rotated, sign_with),
            Some(Ok(place)) => written(app, &rotated, sign_with, &place),
            Some(Err(error)) => {
                printed(app, &rotated, sign_with)?;
                Err(not_written(error))
            }
        }
    }
}

fn printed(app: &App, rotated: &RotatedSigningSecret, sign_with: SignWith) -> anyhow::Result<()> {
    app.ui.result(|| rotated.signing_secret.expose().to_owned(), rotated)?;
    Ok(app.ui.note(&format!("shown only now\n{}", who_signs(rotated, sign_with)))?)
}

fn written(app: &App, rotated: &RotatedSigningSecret, sign_with: SignWith, place: &str) -> anyhow::Result<()> {
    let RotatedSigningSecret { dev_id, signing_secret, old_until } = rotated;
    let masked = app.ui.masked(signing_secret.expose());
    let json = json!({ "dev_id": dev_id, "signing_secret": masked, "old_until": old_until, "written_to": place });
    let plain = || format!("Wrote the new secret {masked} to {place}\n{}", who_signs(rotated, sign_with));
    app.ui.result(plain, &json)
}

fn who_signs(rotated: &RotatedSigningSecret, sign_with: SignWith) -> String {
    let Some(until) = rotated.old_until.map(minute) else {
        return "Every webhook is signed with it from now on".to_owned();
    };
    match sign_with {
        SignWith::Old => {
            format!("Webhooks are signed with the old one until {until}: receivers must take both until then")
        }
        SignWith::New => format!("Webhooks are signed with it from now on; the old one is forgotten at {until}"),
        SignWith::Both => format!("Webhooks are signed with both until {until}: give receivers the new one by then"),
    }
}
