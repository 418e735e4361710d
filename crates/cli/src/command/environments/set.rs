use anyhow::Context as _;
use serde_json::json;
use terra_auth::{DevId, wire::admin::AdminEnvironment};
use toml::{Table, Value};

use crate::{
    app::{self, App},
    command::admin::access::AdminOptions,
    credentials::env_settings::{EnvSettings, difference_table},
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
};

/// Set an environment's destination, redirect allow-list, branding, providers and limits
///
/// Settings without an option stay unchanged. The command shows the changes and applies them without
/// a confirmation. `env export` and `env apply` do the same with a file.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth environments set --destination https://app.example.com/hooks",
    "terra-auth environments set --redirect https://app.example.com/ --redirect com.acme.app:/ --env production",
    "terra-auth environments set acme-testing-0000000000 --user-limit none --accent \"#00aa77\" --dry-run",
])]
pub(crate) struct Args {
    /// Dev-id, as listed by `terra-auth environments list` [default: that in the credential file of --env]
    dev_id: Option<DevId>,
    /// Name of the app in the widget
    #[arg(long)]
    name: Option<String>,
    /// URL of the app's logo in the widget, or `none`
    #[arg(long, value_name = "URL")]
    logo_url: Option<String>,
    /// Accent colour of the widget as #rrggbb, or `none` for the default
    #[arg(long, value_name = "COLOR")]
    accent: Option<String>,
    /// Maximum number of users, or `none`
    #[arg(long, value_name = "N")]
    user_limit: Option<String>,
    /// Providers that the widget offers, separated by commas, or `all`
    #[arg(long, value_name = "PROVIDERS", value_delimiter = ',')]
    providers: Vec<String>,
    /// URL prefix to which the widget may redirect, repeatable; `any` allows every safe URL
    #[arg(long, value_name = "URL")]
    redirect: Vec<String>,
    /// URL to which webhooks are sent, or `none`
    #[arg(long, value_name = "URL")]
    destination: Option<String>,
    /// Whether a user who connects the same account again keeps the user id
    #[arg(long, value_name = "BOOL")]
    keep_user_id: Option<bool>,
    /// Whether mobile tokens that were not created for a reference id are rejected
    #[arg(long, value_name = "BOOL")]
    bound_tokens_only: Option<bool>,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let wanted = self.settings()?;
        let admin = self.access.client(app)?;
        let dev_id = match &self.dev_id {
            Some(dev_id) => dev_id.clone(),
            None => app.credentials()?.dev_id.clone(),
        };
        let now = app::block_on(admin.environment(&dev_id))?.context("could not read the settings")?;
        let differences = EnvSettings::of(&now.settings).differences(&wanted);
        let table = || difference_table(["setting", "now", "new"], &differences);
        if differences.is_empty() {
            app.ui.note("nothing to change")?;
            return app.ui.result(String::new, &json!({ "applied": false, "changes": differences }));
        }
        let what = format!("change {dev_id}:\n{}", table());
        if self.dry_run.report(app.ui, &what, &json!({ "changes": differences }))? {
            return Ok(());
        }
        let changed = app::block_on(admin.change_environment(&dev_id, &wanted.to_change()))?;
        let _: AdminEnvironment = changed.context("could not change the environment")?;
        app.ui.result(table, &json!({ "applied": true, "changes": differences }))
    }

    fn settings(&self) -> anyhow::Result<EnvSettings> {
        let list = |list: &[String], all: &str| match list {
            [] => None,
            [one] if one == all => Some(Value::Array(Vec::new())),
            list => Some(Value::Array(list.iter().map(|item| Value::from(item.trim())).collect())),
        };
        let text = |text: &Option<String>| text.as_deref().map(Value::from);
        let or_none = |text: &Option<String>| {
            Some(Value::from(text.as_deref().map(|text| if text == "none" { "" } else { text })?))
        };
        let limit = |text: &String| text.parse::<u32>().map_or_else(|_| Value::from(text.as_str()), Value::from);
        let all = matches!(&self.providers[..], [one] if one == "all").then(|| Value::from("all"));
        let values = [
            ("name", text(&self.name)),
            ("logo_url", or_none(&self.logo_url)),
            ("accent", or_none(&self.accent)),
            ("user_limit", self.user_limit.as_ref().map(limit)),
            ("providers", all.or_else(|| list(&self.providers, ""))),
            ("redirect_allow_list", list(&self.redirect, "any")),
            ("destination", or_none(&self.destination)),
            ("keep_user_id", self.keep_user_id.map(Value::from)),
            ("bound_tokens_only", self.bound_tokens_only.map(Value::from)),
        ];
        let table: Table = values.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        if table.is_empty() {
            let next = "add one, such as `--destination https://app.example.com/hooks`; see `environments set --help`";
            return Err(CommandError::new(FailureKind::Misused, "no setting given", next).into());
        }
        let invalid =
            |error| CommandError::new(FailureKind::Misused, format!("{error}"), "see `environments set --help`");
        Ok(EnvSettings::of_table(table).map_err(invalid)?)
    }
}
