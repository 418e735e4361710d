//! `terra-auth destinations`: manages the URLs to which the events of an environment are posted.

use anyhow::Context as _;
use clap::{Args, Subcommand, builder::PossibleValuesParser};
use serde_json::json;
use terra_auth::wire::{
    Event,
    admin::{AdminDestination, ChangeDestination, CreateDestination},
};
use terra_auth_types::DestinationId;
use url::Url;

use crate::{
    app::{self, App},
    command::{keys::TargetOptions, users::format_minute},
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::{
        prompt,
        ui::{shown, table, yes_or_no},
    },
};

/// Manage the webhook destinations of an environment
#[derive(Subcommand)]
#[command(after_help = examples![
    "terra-auth destinations list",
    "terra-auth destinations create https://app.example.com/hooks",
    "terra-auth destinations change 00000000-0000-7000-8000-000000000001 --type deauth",
])]
pub(crate) enum Command {
    List(List),
    Create(Create),
    Change(Change),
    Disable(Disable),
    Enable(Enable),
    Delete(Delete),
}

impl Command {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        match self {
            Self::List(args) => args.run(app),
            Self::Create(args) => args.run(app),
            Self::Change(args) => args.run(app),
            Self::Disable(Disable { target }) => target.set_enabled(app, false),
            Self::Enable(Enable { target }) => target.set_enabled(app, true),
            Self::Delete(args) => args.run(app),
        }
    }
}

/// List the destinations, oldest first
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth destinations list",
    "terra-auth destinations list --output json | jq '.[].url'",
])]
pub(crate) struct List {
    #[command(flatten)]
    target: TargetOptions,
}

impl List {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let target = self.target.find(app)?;
        let destinations = app::block_on(target.admin(app)?.list_destinations(&target.dev_id))?;
        let destinations = destinations.context("could not list the destinations")?;
        app.ui.result(|| rows(&destinations), &destinations)
    }
}

fn rows(destinations: &[AdminDestination]) -> String {
    let row = |destination: &AdminDestination| {
        let AdminDestination { destination_id, url, event_types, description, enabled, created_at } = destination;
        [
            destination_id.to_string(),
            shown(url.as_str()),
            event_types.as_ref().map_or_else(|| "all".to_owned(), |types| shown(&types.join(","))),
            yes_or_no(Some(*enabled)).to_owned(),
            format_minute(*created_at),
            description.as_deref().map(shown).unwrap_or_default(),
        ]
    };
    table(["destination_id", "url", "types", "enabled", "created", "description"], destinations.iter().map(row))
}

/// Create a destination, which receives the events that happen from now on
///
/// The events are signed with the signing secret of the environment.
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth destinations create https://app.example.com/hooks",
    "terra-auth destinations create https://crm.example.com/terra --type auth,deauth --description CRM",
])]
pub(crate) struct Create {
    /// URL: https, or http on this machine
    #[arg(value_hint = clap::ValueHint::Url)]
    url: Url,
    /// Send only these event types [default: all]
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = PossibleValuesParser::new(Event::TYPES))]
    types: Option<Vec<String>>,
    /// Description for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl Create {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { url, types, description, dry_run, target } = self;
        let target = target.find(app)?;
        let new = CreateDestination { url, event_types: types, description };
        let what = format!("send events of {} to {}", target.dev_id, shown(new.url.as_str()));
        if dry_run.report(app.ui, &what, &json!({ "create_destination": new }))? {
            return Ok(());
        }
        let created = app::block_on(target.admin(app)?.create_destination(&target.dev_id, &new))?;
        let created = created.context("could not create the destination")?;
        app.ui.result(|| rows(std::slice::from_ref(&created)), &created)
    }
}

/// Selects a destination.
#[derive(Args)]
struct TargetDestination {
    /// Destination id, as listed by `terra-auth destinations list`
    destination_id: DestinationId,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    target: TargetOptions,
}

impl TargetDestination {
    fn set_enabled(self, app: &App, enabled: bool) -> anyhow::Result<()> {
        self.change(app, &ChangeDestination { enabled: Some(enabled), ..ChangeDestination::default() })
    }

    fn change(self, app: &App, change: &ChangeDestination) -> anyhow::Result<()> {
        let Self { destination_id, dry_run, target } = self;
        let target = target.find(app)?;
        let what = format!("change the destination {destination_id}: {}", json!(change));
        if dry_run.report(app.ui, &what, &json!({ "change_destination": destination_id, "change": change }))? {
            return Ok(());
        }
        let changed = app::block_on(target.admin(app)?.change_destination(&target.dev_id, destination_id, change))?;
        let changed = changed.context("could not change the destination")?;
        app.ui.result(|| rows(std::slice::from_ref(&changed)), &changed)
    }
}

/// Change the URL, the event types or the description of a destination
#[derive(Args)]
#[command(after_help = examples![
    "terra-auth destinations change 00000000-0000-7000-8000-000000000001 --url https://app.example.com/hooks/v2",
    "terra-auth destinations change 00000000-0000-7000-8000-000000000001 --type auth,deauth",
    "terra-auth destinations change 00000000-0000-7000-8000-000000000001 --all-types --no-description",
])]
pub(crate) struct Change {
    /// New URL; waiting deliveries use it too
    #[arg(long, value_hint = clap::ValueHint::Url)]
    url: Option<Url>,
    /// Send only these event types
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',', value_parser = PossibleValuesParser::new(Event::TYPES))]
    types: Option<Vec<String>>,
    /// Send all event types
    #[arg(long, conflicts_with = "types")]
    all_types: bool,
    /// New description
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Delete the description
    #[arg(long, conflicts_with = "description")]
    no_description: bool,
    #[command(flatten)]
    target: TargetDestination,
}

impl Change {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let change = ChangeDestination {
            url: self.url,
            event_types: if self.all_types { Some(None) } else { self.types.map(Some) },
            description: if self.no_description { Some(None) } else { self.description.map(Some) },
            enabled: None,
        };
        if change == ChangeDestination::default() {
            let next = "pass an option such as `--url`; `--help` lists them";
            return Err(CommandError::new(FailureKind::Misused, "no change requested", next).into());
        }
        self.target.change(app, &change)
    }
}

/// Disable a destination: send no new events, and pause its waiting deliveries
#[derive(Args)]
#[command(after_help = examples!["terra-auth destinations disable 00000000-0000-7000-8000-000000000001"])]
pub(crate) struct Disable {
    #[command(flatten)]
    target: TargetDestination,
}

/// Enable a destination: send new events, and continue its waiting deliveries
#[derive(Args)]
#[command(after_help = examples!["terra-auth destinations enable 00000000-0000-7000-8000-000000000001"])]
pub(crate) struct Enable {
    #[command(flatten)]
    target: TargetDestination,
}

/// Delete a destination with its deliveries, including the waiting ones
#[derive(Args)]
#[command(after_help = examples!["terra-auth destinations delete 00000000-0000-7000-8000-000000000001"])]
pub(crate) struct Delete {
    /// Skip the confirmation (required without a terminal)
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    target: TargetDestination,
}

impl Delete {
    fn run(self, app: &App) -> anyhow::Result<()> {
        let Self { yes, target: TargetDestination { destination_id, dry_run, target } } = self;
        let target = target.find(app)?;
        let what = format!("delete the destination {destination_id} with its deliveries");
        if dry_run.report(app.ui, &what, &json!({ "delete_destination": destination_id }))? {
            return Ok(());
        }
        prompt::confirm_or_yes(yes, "deleted", || {
            Ok(format!("Delete the destination {destination_id} with its deliveries?"))
        })?;
        let deleted = app::block_on(target.admin(app)?.delete_destination(&target.dev_id, destination_id))?;
        deleted.context("could not delete the destination")?;
        app.ui.result(|| "Destination deleted".to_owned(), &json!({ "deleted": destination_id }))
    }
}
