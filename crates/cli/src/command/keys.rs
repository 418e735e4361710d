//! `terra-auth keys`: manages the keys of an environment, on the server and in the credential file.

mod rotate;
mod target;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use terra_auth::{
    KeyId, Scope, Scopes,
    wire::admin::{AdminKey, CreateKey, RetireKey},
};

use crate::{
    app::{self, App},
    command::users::format_minute,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::{
        prompt,
        ui::{shown, table},
    },
};
use target::KeyDestination;
pub(crate) use target::{Target, TargetOptions};

/// Manage the API keys of an environment
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth keys list",
    "terra-auth keys create --name reports --scope connections:read",
    "terra-auth keys rotate --env production",
])]
pub(crate) enum Command {
    List(List),
    Create(Create),
    Rotate(rotate::Args),
    Revoke(Revoke),
    RotateSigningSecret(rotate::SigningSecret),
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

/// Create an API key and print it once
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys create --name backend",
    "terra-auth keys create --name reports --scope connections:read --expires-in-days 90",
    "terra-auth keys create --name mobile-gateway --scope auth:write,providers:read",
    "terra-auth keys create --name sync-worker --scope access-tokens:read",
])]
pub(crate) struct Create {
    /// Name of the key, such as the service that uses it
    #[arg(long)]
    name: String,
    /// Scope of the key, repeatable [default: all except `access-tokens:read`]
    ///
    /// `auth:write` creates widget sessions and mobile tokens. `connections:read` looks up users, and
    /// `connections:write` deauthenticates them. `providers:read` lists the providers.
    /// `webhooks:write` changes the webhook destination. `access-tokens:read` reads the users' access
    /// tokens for the providers; it is not granted by default.
    #[arg(long, value_name = "SCOPE", value_delimiter = ',')]
    scope: Vec<Scope>,
    /// Number of days until the key expires [default: never]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=1825))]
    expires_in_days: Option<u32>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Create {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { name, scope, expires_in_days, dry_run, target } = self;
        let target = target.find(app)?;
        let scopes = (!scope.is_empty()).then(|| scope.into_iter().collect());
        let new = CreateKey { name, scopes, expires_in_days };
        let what = format!("create a key called {} for {}", shown(&new.name), target.dev_id);
        if dry_run.report(app.ui, &what, &json!({ "create_key": new, "dev_id": target.dev_id }))? {
            return Ok(());
        }
        let issued = app::block_on(target.admin(app)?.create_api_key(&target.dev_id, &new))?;
        let issued = issued.context("could not create a key")?;
        app.ui.result(|| issued.api_key.expose().to_owned(), &issued)?;
        let ends = issued.key.expires_at.map(|at| format!(", works until {}", format_minute(at))).unwrap_or_default();
        let (key_id, scopes) = (issued.key.key_id, scope_names(issued.key.scopes));
        Ok(app.ui.note(&format!("key {key_id} of {}, scopes: {scopes}{ends}; it is not shown again", issued.dev_id))?)
    }
}

/// Revoke a key
///
/// Describes the key and asks for confirmation. To prevent mistakes, a key that was used in the last
/// minutes is not revoked: rotate it, or add --now if it leaked. Every node of the server rejects the
/// key within a second.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth keys revoke 00000000-0000-4000-8000-000000000001",
    "terra-auth keys revoke 00000000-0000-4000-8000-000000000001 --now --yes",
])]
pub(crate) struct Revoke {
    /// Key id, as listed by `terra-auth keys list`
    key_id: KeyId,
    /// Revoke the key even if it is in use, because it leaked
    #[arg(long)]
    now: bool,
    /// Revoke the key even if it was used in the last minutes
    #[arg(long)]
    force: bool,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Revoke {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { key_id, now, force, yes, dry_run, target } = self;
        if !yes && !dry_run.dry_run && !prompt::has_terminal() {
            return Err(prompt::no_terminal("revoked").into());
        }
        let target = target.find(app)?;
        let admin = target.admin(app)?;
        let keys = app::block_on(admin.list_api_keys(&target.dev_id))?.context("could not list the keys")?;
        let found = keys.iter().find(|key| key.key_id == key_id);
        let next = "choose one listed by `terra-auth keys list`";
        let missing =
            || CommandError::new(FailureKind::NotFound, format!("{} has no key {key_id}", target.dev_id), next);
        let found = found.ok_or_else(missing)?;
        let what = format!("revoke key {key_id}\n{}", consequences(&target, found));
        if dry_run.report(app.ui, &what, &json!({ "revoke_key": found }))? {
            return Ok(());
        }
        app.ui.note(&consequences(&target, found))?;
        prompt::confirm_or_yes(yes, "revoked", || Ok("Revoke this key? It cannot be undone.".to_owned()))?;
        let how = RetireKey { overlap_s: None, now, force };
        let ended =
            app::block_on(admin.revoke_api_key(&target.dev_id, key_id, how))?.context("could not revoke the key")?;
        app.ui.result(|| format!("Revoked {key_id} {}", masked_hint(&ended.hint)), &ended)
    }
}

fn consequences(target: &Target, key: &AdminKey) -> String {
    let (name, hint, scopes) = (shown(&key.name), masked_hint(&key.hint), scope_names(key.scopes));
    let used =
        key.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {}", format_minute(at)));
    let here = if target.has_key(&key.hint) { " It is the key in the credential file." } else { "" };
    format!("“{name}” {hint} of {}, scopes: {scopes}, {used}. The server rejects it from then on.{here}", target.dev_id)
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
