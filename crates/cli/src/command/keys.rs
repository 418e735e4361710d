//! `terra-auth keys`: manages the keys of an environment, on the server and in the credential file.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use terra_auth::{Scope, Scopes, wire::admin::AdminKey};

use crate::{
    app::{self, App},
    command::users::format_minute,
    ui::{shown, table},
};

use destination::KeyDestination;
pub(crate) use target::{Target, TargetOptions};

mod create;
mod destination;
mod hosted;
mod revoke;
mod rotate;
mod signing_secret;
mod target;

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

/// List the environment's keys, oldest first, each with its last four characters
#[derive(Args)]
#[command(after_help = examples!["terra-auth keys list", "terra-auth keys list --env production --output json"])]
pub(crate) struct List {
    #[command(flatten)]
    target: TargetOptions,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let target = self.target.find(app)?;
        let keys =
            app::block_on(target.admin(app)?.list_api_keys(&target.dev_id))?.context("could not list the keys")?;
        app.ui.result(|| rows(&keys, app::now()), &keys)
    }
}

fn rows(keys: &[AdminKey], now: Timestamp) -> String {
    let row = |key: &AdminKey| {
        let AdminKey { key_id, name, hint, scopes, created_at, expires_at, last_used_at } = key;
        let used = last_used_at.map_or_else(|| "never".to_owned(), format_minute);
        let ends = match expires_at {
            None => "never".to_owned(),
            Some(at) if at <= created_at => "revoked".to_owned(),
            Some(at) if *at <= now => format!("expired {}", format_minute(*at)),
            Some(at) => format_minute(*at),
        };
        [
            key_id.to_string(),
            shown(name),
            masked_hint(hint),
            scope_names(*scopes),
            format_minute(*created_at),
            used,
            ends,
        ]
    };
    table(["key_id", "name", "hint", "scopes", "created", "last used", "expires"], keys.iter().map(row))
}

/// The masked form of a key.
fn masked_hint(hint: &str) -> String {
    format!("••••{}", shown(hint))
}

fn scope_names(scopes: Scopes) -> String {
    match scopes {
        Scopes::DEFAULT => "default".to_owned(),
        some => some.iter().map(Scope::as_str).collect::<Vec<_>>().join(" "),
    }
}

/// How long a replaced key or secret remains valid.
#[derive(Args)]
pub(crate) struct Overlap {
    /// How long the old one remains valid, such as 90m or 48h [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = parse_overlap, conflicts_with = "now")]
    pub(crate) overlap: Option<u32>,
    /// Revoke the old one at once, because it leaked
    #[arg(long)]
    pub(crate) now: bool,
}

fn parse_overlap(text: &str) -> Result<u32, String> {
    let overlap = text.parse::<SignedDuration>().ok().and_then(|overlap| u32::try_from(overlap.as_secs()).ok());
    overlap.ok_or_else(|| "use a duration such as 90m, 24h or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse_overlap;

    #[test]
    fn an_overlap_is_a_duration_with_units() {
        for (text, expected) in [("0s", 0), ("90m", 5400), ("24h", 86_400), ("1h30m", 5400), ("72h", 259_200)] {
            assert_eq!(parse_overlap(text), Ok(expected), "{text}");
        }
        for bad in ["", "24", "-1h", "soon", "9999999h"] {
            assert!(parse_overlap(bad).is_err(), "{bad}");
        }
    }
}
