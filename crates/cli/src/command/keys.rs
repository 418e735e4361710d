//! `terra-auth keys`: the keys of an environment, on the server and in the credential file.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use terra_auth::{Scope, Scopes, wire::admin::AdminKey};

use crate::{
    app::{self, App},
    command::users::minute,
    ui::{shown, table},
};

use place::Place;
pub(crate) use whose::{Owner, Whose};

mod create;
mod hosted;
mod place;
mod revoke;
mod rotate;
mod signing_secret;
mod whose;

/// Manage the API keys of an environment
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth keys list",
    "terra-auth keys create --name reports --scope connections:read",
    "terra-auth keys rotate --env production",
])]
pub(crate) enum Command {
    List(List),
    Create(create::Args),
    Rotate(rotate::Args),
    Revoke(revoke::Args),
    RotateSigningSecret(signing_secret::Args),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Create(args) => args.run(app),
            Self::Rotate(args) => args.run(app),
            Self::Revoke(args) => args.run(app),
            Self::RotateSigningSecret(args) => args.run(app),
        }
    }
}

/// List the keys of the environment, oldest first; of each its last four characters
#[derive(Args)]
#[command(after_help = examples!["terra-auth keys list", "terra-auth keys list --env production --output json"])]
pub(crate) struct List {
    #[command(flatten)]
    whose: Whose,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let owner = self.whose.find(app)?;
        let keys = app::wait(owner.admin(app)?.list_api_keys(&owner.dev_id))?.context("could not list the keys")?;
        app.ui.result(|| rows(&keys, app::now()), &keys)
    }
}

fn rows(keys: &[AdminKey], now: Timestamp) -> String {
    let row = |key: &AdminKey| {
        let AdminKey { key_id, name, hint, scopes, created_at, expires_at, last_used_at } = key;
        let used = last_used_at.map_or_else(|| "never".to_owned(), minute);
        let ends = match expires_at {
            None => "never".to_owned(),
            Some(at) if at <= created_at => "revoked".to_owned(),
            Some(at) if *at <= now => format!("ended {}", minute(*at)),
            Some(at) => minute(*at),
        };
        [key_id.to_string(), shown(name), hidden(hint), names(*scopes), minute(*created_at), used, ends]
    };
    table(["key_id", "name", "hint", "scopes", "created", "last used", "ends"], keys.iter().map(row))
}

/// A key as it can be told apart.
fn hidden(hint: &str) -> String {
    format!("••••{}", shown(hint))
}

fn names(scopes: Scopes) -> String {
    match scopes {
        Scopes::USUAL => "default".to_owned(),
        some => some.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "),
    }
}

/// How long what is replaced goes on working.
#[derive(Args)]
pub(crate) struct Overlap {
    /// How long the old one goes on working, such as 90m or 48h [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = seconds, conflicts_with = "now")]
    pub(crate) overlap: Option<u32>,
    /// End the old one at once, because it leaked
    #[arg(long)]
    pub(crate) now: bool,
}

fn seconds(text: &str) -> Result<u32, String> {
    let overlap = text.parse::<SignedDuration>().ok().and_then(|overlap| u32::try_from(overlap.as_secs()).ok());
    overlap.ok_or_else(|| "write it like 90m, 24h or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn an_overlap_is_read_as_people_write_it() {
        for (text, expected) in [("0s", 0), ("90m", 5400), ("24h", 86_400), ("1h30m", 5400), ("72h", 259_200)] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for bad in ["", "24", "-1h", "soon", "9999999h"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }
}
