use anyhow::Context as _;
use serde_json::json;
use terra_auth::{
    KeyId,
    admin::AdminClient,
    credentials::API_KEY,
    wire::admin::{AdminKey, IssuedKey, RetireKey},
};

use super::{Overlap, Place, Whose, hidden, hosted, place::not_written, whose::Owner};
use crate::{
    app::{self, App},
    command::users::minute,
    dry_run::DryRun,
    failure::{Advice, Kind},
    ui::shown,
};

/// Rotate a key: write a new one into the credential file, and let the old one work 24 h more
///
/// The new key has the name and the scopes of the old one, which goes on working for a day, so that everything that uses it
/// can be given the new one meanwhile. Other lines of the file stay as they are.
///
/// Terra's own API knows no overlap: against it, this explains how to do it without a gap.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys rotate",
    "terra-auth keys rotate --env production --overlap 72h",
    "terra-auth keys rotate 00000000-0000-4000-8000-000000000001 --print",
    "terra-auth keys rotate --now",
])]
pub(crate) struct Args {
    /// The key, as `terra-auth keys list` shows it, if it is not the one in the credential file
    key_id: Option<KeyId>,
    #[command(flatten)]
    overlap: Overlap,
    /// Print the new key, once, instead of writing it into the credential file
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    hosted: hosted::Flags,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    whose: Whose,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { key_id, overlap: Overlap { overlap, now }, print, hosted, dry_run, whose } = self;
        let owner = whose.find(app)?;
        if owner.hosted && dry_run.dry_run {
            let what = format!("lead through the rotation of the key of {}", owner.dev_id);
            return dry_run.stops(app.ui, &what, &json!({ "rotate_key": owner.dev_id })).map(drop);
        }
        if owner.hosted {
            return hosted.rotate(app, &owner, print);
        }
        hosted.refuse()?;
        let admin = owner.admin(app)?;
        let old = find(&owner, &admin, key_id)?;
        let place = if print { None } else { Some(place_of(app, &owner, &old)?) };
        let what = format!("rotate key {} of {}", old.key_id, owner.dev_id);
        if dry_run.stops(app.ui, &what, &json!({ "rotate_key": old }))? {
            return Ok(());
        }
        let how = RetireKey { overlap_s: overlap, now, force: false };
        let issued = app::wait(admin.rotate_api_key(&owner.dev_id, old.key_id, how))?;
        let issued = issued.context("could not rotate the key")?;
        match place.map(|place| place.put(app, API_KEY, issued.api_key.expose())) {
            None => printed(app, &issued),
            Some(Ok(place)) => written(app, &issued, &place),
            Some(Err(error)) => {
                printed(app, &issued)?;
                Err(not_written(error))
            }
        }
    }
}

/// The key that is asked for, or the one in the credential file, which the server knows by its last characters.
fn find(owner: &Owner, admin: &AdminClient, key_id: Option<KeyId>) -> anyhow::Result<AdminKey> {
    let mut keys = app::wait(admin.list_api_keys(&owner.dev_id))?.context("could not list the keys")?;
    keys.retain(|key| key.expires_at.is_none_or(|at| app::now() < at));
    keys.retain(|key| key_id.map_or_else(|| owner.holds(&key.hint), |key_id| key.key_id == key_id));
    let next = "choose one that `terra-auth keys list` shows";
    match (keys.pop(), keys.is_empty(), key_id) {
        (Some(key), true, _) => Ok(key),
        (None, _, Some(key_id)) => Err(Advice::new(Kind::NotFound, format!("no key {key_id} that works"), next).into()),
        (None, _, None) => {
            let message = format!("{} has no key that works and ends like the credential file's", owner.dev_id);
            Err(Advice::new(Kind::NotFound, message, next).into())
        }
        (Some(_), false, _) => {
            Err(Advice::new(Kind::Misused, "several keys end like the credential file's", next).into())
        }
    }
}

/// A key of fewer scopes must not take the place of the file's own.
fn place_of(app: &App, owner: &Owner, old: &AdminKey) -> anyhow::Result<Place> {
    let place = Place::of(app, owner, API_KEY)?;
    if owner.holds(&old.hint) {
        return Ok(place);
    }
    let message = format!("key {} is not the one in the credential file", old.key_id);
    Err(Advice::new(Kind::Misused, message, "add --print to have the new key printed instead").into())
}

fn printed(app: &App, issued: &IssuedKey) -> anyhow::Result<()> {
    app.ui.result(|| issued.api_key.expose().to_owned(), issued)?;
    Ok(app.ui.note(&format!("shown only now\n{}", what_of_the_old(issued)))?)
}

fn written(app: &App, issued: &IssuedKey, place: &str) -> anyhow::Result<()> {
    let IssuedKey { dev_id, api_key, key, retiring } = issued;
    let masked = app.ui.masked(api_key.expose());
    let json = json!({ "dev_id": dev_id, "api_key": masked, "key": key, "retiring": retiring, "written_to": place });
    let name = shown(&key.name);
    app.ui.result(|| format!("Wrote the new key {masked} (“{name}”) to {place}\n{}", what_of_the_old(issued)), &json)
}

fn what_of_the_old(issued: &IssuedKey) -> String {
    let line = |old: &AdminKey| {
        let hint = hidden(&old.hint);
        match old.expires_at.filter(|at| app::now() < *at) {
            Some(at) => format!("The old one {hint} works until {}: give whoever uses it the new one", minute(at)),
            None => format!("The old one {hint} no longer works"),
        }
    };
    issued.retiring.iter().map(line).collect::<Vec<_>>().join("\n")
}
