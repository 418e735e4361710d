//! `terra-auth users`: lists and shows connected users.

use anyhow::Context as _;
use clap::{ArgGroup, Args, Subcommand};
use futures_util::{StreamExt as _, TryStreamExt as _, future};
use jiff::{Timestamp, tz::TimeZone};
use terra_auth::{
    Client, Provider, ReferenceId, UserId,
    wire::{TerraUser, UserDetails, UserInfo},
};

use crate::{
    app::{self, App},
    failure::{CommandError, FailureKind},
    terminal::ui::{shown, table, yes_or_no},
};

/// List and show connected users
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth users list --limit 10",
    "terra-auth users show --reference-id alice",
])]
pub(crate) enum Command {
    List(List),
    Show(Show),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Show(args) => args.run(app),
        }
    }
}

/// List the environment's users: one per connection of an end user to a provider
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth users list",
    "terra-auth users list --provider GARMIN --inactive",
    "terra-auth users list --limit 5000 --output json | jq 'map(select(.active | not))'",
])]
pub(crate) struct List {
    /// Maximum number of users
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
    /// Only users of this provider
    #[arg(long, value_name = "NAME")]
    provider: Option<Provider>,
    /// Only users whose data still arrives
    #[arg(long)]
    active: bool,
    /// Only users whose data no longer arrives
    #[arg(long, conflicts_with = "active")]
    inactive: bool,
}

impl List {
    fn matches(&self, user: &TerraUser) -> bool {
        let is_active = user.active.unwrap_or(true);
        self.provider.as_ref().is_none_or(|provider| *provider == user.provider)
            && (!self.active || is_active)
            && (!self.inactive || !is_active)
    }

    fn run(self, app: &App) -> anyhow::Result<()> {
        let (client, limit) = (app.client()?, self.limit as usize);
        let asked_for = client.subscriptions().try_filter(|user| future::ready(self.matches(user)));
        let some = asked_for.take(limit + 1).try_collect::<Vec<_>>();
        let mut users = app::block_on(some)?.context("could not list the users")?;
        let more = users.len() > limit;
        users.truncate(limit);
        app.ui.result(|| rows(&users), &users)?;
        if more {
            app.ui.warn(&format!("there are more than {limit} users; raise --limit to list more"))?;
        }
        Ok(())
    }
}

/// Show one user, or every user of an end user
#[derive(Args)]
#[command(group = ArgGroup::new("selection").required(true))]
#[command(after_help = examples![
    "terra-auth users show 00000000-0000-4000-8000-000000000001",
    "terra-auth users show --reference-id alice --output json",
])]
pub(crate) struct Show {
    /// User to show, as listed by `terra-auth users list`
    #[arg(group = "selection")]
    user_id: Option<UserId>,
    /// Show every user of the end user with this id in your app
    #[arg(long, value_name = "ID", group = "selection")]
    reference_id: Option<ReferenceId>,
}

impl Show {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        match (self.user_id, self.reference_id) {
            (Some(user_id), _) => show_user(app, &client, user_id),
            (None, Some(reference_id)) => show_users_of(app, &client, &reference_id),
            (None, None) => unreachable!("clap requires one of the two"),
        }
    }
}

fn show_user(app: &App, client: &Client, user_id: UserId) -> anyhow::Result<()> {
    let info = app::block_on(client.user_info(user_id))?.context("could not look up the user")?;
    app.ui.result(|| details(&info), &info)
}

fn show_users_of(app: &App, client: &Client, reference_id: &ReferenceId) -> anyhow::Result<()> {
    let found = app::block_on(client.users_by_reference_id(reference_id))?;
    let users = found.context("could not look up the end user")?;
    if users.is_empty() {
        let message = format!("no user has the reference id {}", shown(reference_id.as_str()));
        return Err(CommandError::new(
            FailureKind::NotFound,
            message,
            "list the connected users with `terra-auth users list`",
        )
        .into());
    }
    app.ui.result(|| rows(&users), &users)
}

fn rows(users: &[TerraUser]) -> String {
    let row = |user: &TerraUser| {
        let TerraUser { user_id, provider, reference_id, created_at, active, .. } = user;
        let reference_id = reference_id.as_deref().map(shown).unwrap_or_default();
        let since = created_at.map(format_day).unwrap_or_default();
        [user_id.to_string(), provider.to_string(), reference_id, since, yes_or_no(*active).to_owned()]
    };
    table(["user_id", "provider", "reference_id", "connected since", "active"], users.iter().map(row))
}

fn details(info: &UserInfo) -> String {
    let UserDetails { user, last_polled_at, most_recent_data_at } = &info.user;
    let or_none = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    let lines = [
        ("user_id", user.user_id.to_string()),
        ("provider", user.provider.to_string()),
        ("reference_id", or_none(user.reference_id.as_deref().map(shown))),
        ("logged in", yes_or_no(Some(info.is_authenticated)).to_owned()),
        ("active", yes_or_no(user.active).to_owned()),
        ("connected since", or_none(user.created_at.map(format_minute))),
        ("last asked", or_none(last_polled_at.map(format_minute))),
        ("newest data", or_none(most_recent_data_at.map(format_minute))),
        ("last webhook", or_none(user.last_webhook_update.map(format_minute))),
        ("scopes", or_none(user.scopes.as_deref().map(shown))),
    ];
    lines.map(|(name, value)| format!("{name:<16} {value}")).join("\n")
}

pub(crate) fn format_day(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d").to_string()
}

pub(crate) fn format_minute(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}
