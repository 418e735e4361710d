use anyhow::Context as _;
use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use serde_json::json;
use terra_auth::wire::admin::{AdminTokenInfo, CreateAdminToken, IssuedAdminToken, Role};
use terra_auth_core::admin::Admin;
use uuid::Uuid;

use super::access::Access;
use crate::{
    app::{self, App},
    ask,
    command::users::minute,
    dry_run::DryRun,
    keeping::Keeping,
    node,
    opening::in_use,
    ui::{shown, table},
};

/// Admin tokens: one for each person or program, with a role and an end
#[derive(Subcommand)]
pub(crate) enum Command {
    List(List),
    Create(Create),
    Revoke(Revoke),
}

impl Command {
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
    access: Access,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let admin = self.access.open(app)?;
        let tokens = app::wait(admin.list_admin_tokens())?.context("could not list the admin tokens")?;
        app.ui.result(|| rows(&tokens), &tokens)
    }
}

fn rows(tokens: &[AdminTokenInfo]) -> String {
    let row = |token: &AdminTokenInfo| {
        let AdminTokenInfo { token_id, name, role, created_at, expires_at } = token;
        let ends = expires_at.map_or_else(|| "never".to_owned(), minute);
        [token_id.to_string(), shown(name), role.as_str().to_owned(), minute(*created_at), ends]
    };
    table(["token_id", "name", "role", "created", "ends"], tokens.iter().map(row))
}

/// Create an admin token, which is printed once
///
/// A read-only token sees everything but secrets; an operator's also makes and ends keys, secrets and settings; an owner's
/// also makes and deletes environments and admin tokens.
///
/// With --offline this command opens the store itself, with the server's own settings and master key, and needs no admin token:
/// for the case that all of them are lost. A server on a SQLite file must be stopped for it.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth admin tokens create --name alice --role operator",
    "terra-auth admin tokens create --offline --name alice --role owner",
    "terra-auth admin tokens create --name auditor --role read-only --expires-in-days 7",
])]
pub(crate) struct Create {
    /// Whose it is: the audit log shows it with everything that is done with the token
    #[arg(long)]
    name: String,
    /// What it allows
    #[arg(long, value_parser = role())]
    role: Role,
    /// When it stops working
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    expires_in_days: u32,
    /// Write it into the store itself, without a server and without another token
    #[arg(long, conflicts_with_all = ["server", "admin_token_file"])]
    offline: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    keeping: Keeping,
}

fn role() -> impl TypedValueParser<Value = Role> {
    let names = [Role::ReadOnly, Role::Operator, Role::Owner].map(Role::as_str);
    PossibleValuesParser::new(names).try_map(|name| Role::from_name(&name).ok_or("no such role"))
}

impl Create {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { name, role, expires_in_days, offline, dry_run, access, keeping } = self;
        let new = CreateAdminToken { name, role, expires_in_days: Some(expires_in_days) };
        let what = format!("create an admin token for {} with the role {}", shown(&new.name), new.role.as_str());
        if dry_run.stops(app.ui, &what, &json!({ "create_admin_token": new }))? {
            return Ok(());
        }
        let issued = if offline {
            app::wait(create_offline(&keeping, &new))??
        } else {
            app::wait(access.open(app)?.create_admin_token(&new))?.context("could not create an admin token")?
        };
        app.ui.result(|| issued.token.expose().to_owned(), &issued)?;
        let ends = issued.info.expires_at.map(|at| format!("works until {}; ", minute(at))).unwrap_or_default();
        Ok(app.ui.note(&format!("{ends}shown only now: keep it safe"))?)
    }
}

async fn create_offline(keeping: &Keeping, new: &CreateAdminToken) -> anyhow::Result<IssuedAdminToken> {
    keeping.must_be_there()?;
    let next = "stop that server first; its store has one process only";
    let auth = node::offline(&keeping.store(), keeping.master_keys()?).await;
    let auth = auth.map_err(|error| in_use(error, next))?;
    auth.create_admin_token(&Admin::local(OFFLINE), new).await.context("could not create an admin token")
}

/// How the audit log names whoever has the store and its key.
const OFFLINE: &str = "admin tokens create --offline";

/// Revoke an admin token at once
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth admin tokens revoke 00000000-0000-4000-8000-000000000001",
])]
pub(crate) struct Revoke {
    /// The token, as `terra-auth admin tokens list` shows it
    token_id: Uuid,
    /// Do it without asking; needed where there is no terminal
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: Access,
}

impl Revoke {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { token_id, yes, dry_run, access } = self;
        let what = format!("revoke the admin token {token_id}");
        if dry_run.stops(app.ui, &what, &json!({ "revoke_admin_token": token_id }))? {
            return Ok(());
        }
        ask::sure(yes, "revoked", || Ok(format!("Revoke the admin token {token_id}? Whoever has it is locked out.")))?;
        app::wait(access.open(app)?.revoke_admin_token(token_id))?.context("could not revoke the admin token")?;
        app.ui.result(|| format!("Revoked {token_id}"), &json!({ "success": true, "token_id": token_id }))
    }
}
