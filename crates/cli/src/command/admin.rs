//! `terra-auth admin`: manages the admin tokens of a server.

pub(crate) mod access;

use anyhow::Context as _;
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use serde_json::json;
use terra_auth::wire::admin::{AdminTokenInfo, CreateAdminToken, IssuedAdminToken, Role};
use terra_auth_core::admin::action::Admin;
use uuid::Uuid;

use crate::{
    app::{self, App},
    command::{admin::access::AdminOptions, users::format_minute},
    dry_run::DryRun,
    service::{node, open_options::with_in_use_remedy, storage_options::StorageOptions},
    terminal::{
        prompt,
        ui::{shown, table},
    },
};

/// Manage the admin tokens of a server
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth admin tokens list",
    "terra-auth admin tokens create --name alice --role operator",
])]
pub(crate) enum Command {
    #[command(subcommand)]
    Tokens(TokensCommand),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::Tokens(command) => command.run(app),
        }
    }
}

/// Manage admin tokens: one per person or program, with a role and an expiry
#[derive(Subcommand)]
pub(crate) enum TokensCommand {
    List(List),
    Create(Create),
    Revoke(Revoke),
}

impl TokensCommand {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Create(args) => args.run(app),
            Self::Revoke(args) => args.run(app),
        }
    }
}

/// List the admin tokens of the server, oldest first
#[derive(Args)]
#[command(after_help = examples!["terra-auth admin tokens list", "terra-auth admin tokens list --output json"])]
pub(crate) struct List {
    #[command(flatten)]
    access: AdminOptions,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let admin = self.access.client(app)?;
        let tokens = app::block_on(admin.list_admin_tokens())?.context("could not list the admin tokens")?;
        app.ui.result(|| rows(&tokens), &tokens)
    }
}

fn rows(tokens: &[AdminTokenInfo]) -> String {
    let row = |token: &AdminTokenInfo| {
        let AdminTokenInfo { token_id, name, role, created_at, expires_at } = token;
        let ends = expires_at.map_or_else(|| "never".to_owned(), format_minute);
        [token_id.to_string(), shown(name), role.as_str().to_owned(), format_minute(*created_at), ends]
    };
    table(["token_id", "name", "role", "created", "expires"], tokens.iter().map(row))
}

/// Create an admin token and print it once
///
/// A read-only token can read everything except secrets. An operator can also create, rotate and
/// revoke keys and secrets, and change settings. An owner can also create and delete environments
/// and admin tokens.
///
/// With --offline, this command opens the store itself, with the server's settings and master key.
/// It needs no admin token, so use it if all of them are lost. Stop a server with a SQLite store
/// first.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth admin tokens create --name alice --role operator",
    "terra-auth admin tokens create --offline --name alice --role owner",
    "terra-auth admin tokens create --name auditor --role read-only --expires-in-days 7",
])]
pub(crate) struct Create {
    /// Owner name; appears in every audit entry made with this token
    #[arg(long)]
    name: String,
    /// Role of the token
    #[arg(long, value_parser = role())]
    role: Role,
    /// Number of days until the token expires
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    expires_in_days: u32,
    /// Write the token directly to the store, without a server and without another token
    #[arg(long, conflicts_with_all = ["server", "admin_token_file"])]
    offline: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
    #[command(flatten)]
    storage: StorageOptions,
}

fn role() -> impl TypedValueParser<Value = Role> {
    let names = [Role::ReadOnly, Role::Operator, Role::Owner].map(Role::as_str);
    PossibleValuesParser::new(names).try_map(|name| Role::from_name(&name).ok_or("no such role"))
}

impl Create {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { name, role, expires_in_days, offline, dry_run, access, storage } = self;
        let new = CreateAdminToken { name, role, expires_in_days: Some(expires_in_days) };
        let what = format!("create an admin token for {} with the role {}", shown(&new.name), new.role.as_str());
        if dry_run.report(app.ui, &what, &json!({ "create_admin_token": new }))? {
            return Ok(());
        }
        let issued = if offline {
            app::block_on(create_offline(&storage, &new))??
        } else {
            app::block_on(access.client(app)?.create_admin_token(&new))?.context("could not create an admin token")?
        };
        app.ui.result(|| issued.token.expose().to_owned(), &issued)?;
        let ends = issued.info.expires_at.map(|at| format!("works until {}; ", format_minute(at))).unwrap_or_default();
        Ok(app.ui.note(&format!("{ends}store it safely; it is not shown again"))?)
    }
}

async fn create_offline(storage: &StorageOptions, new: &CreateAdminToken) -> anyhow::Result<IssuedAdminToken> {
    storage.require_store()?;
    let next = "stop that server first; only one process can open its store";
    let auth = node::open_offline(&storage.store(), storage.master_keys()?).await;
    let auth = auth.map_err(|error| with_in_use_remedy(error, next))?;
    auth.create_admin_token(&Admin::local(OFFLINE_ACTOR), new).await.context("could not create an admin token")
}

/// The actor in the audit log. This command is authorised by access to the store and its master key.
const OFFLINE_ACTOR: &str = "admin tokens create --offline";

/// Revoke an admin token at once
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth admin tokens revoke 00000000-0000-4000-8000-000000000001",
])]
pub(crate) struct Revoke {
    /// The token, as `terra-auth admin tokens list` shows it
    token_id: Uuid,
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
}

impl Revoke {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { token_id, yes, dry_run, access } = self;
        let what = format!("revoke the admin token {token_id}");
        if dry_run.report(app.ui, &what, &json!({ "revoke_admin_token": token_id }))? {
            return Ok(());
        }
        prompt::confirm_or_yes(yes, "revoked", || {
            Ok(format!("Revoke the admin token {token_id}? The server rejects it from then on."))
        })?;
        app::block_on(access.client(app)?.revoke_admin_token(token_id))?.context("could not revoke the admin token")?;
        app.ui.result(|| format!("Revoked {token_id}"), &json!({ "success": true, "token_id": token_id }))
    }
}
