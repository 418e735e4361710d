use std::ffi::{OsStr, OsString};

use crate::{
    app::App,
    command::{admin::access::AdminOptions, env::settings::SettingsSource},
    env_settings::Difference,
    ui::{shown, table},
};

/// Compare the settings of two environments: providers, redirect allow-list, destination, branding,
/// user limit, user ids
///
/// Each side is a settings file, or `testing`, `staging` or `production`, whose settings are read
/// from the server in its credential file. A settings file is TOML with any of: `name`, `logo_url`
/// ("" for none), `accent` ("#rrggbb" or ""), `user_limit` (a number or "none"), `providers` (a list
/// or "all"), `redirect_allow_list`, `destination` (or ""), `keep_user_id` and `bound_tokens_only`
/// (true or false). It contains no secrets. Settings that one side omits are not compared.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env diff testing production",
    "terra-auth env diff testing production --output json",
    "terra-auth env diff staging.toml production",
])]
pub(crate) struct Args {
    /// Environment or settings file
    left: OsString,
    /// Environment or settings file to compare with
    right: OsString,
    #[command(flatten)]
    access: AdminOptions,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let side = |text: &OsStr| SettingsSource::of(text).settings(app, &self.access);
        let differences = side(&self.left)?.differences(&side(&self.right)?);
        if differences.is_empty() {
            app.ui.note("no differences")?;
        }
        let [left, right] = [&self.left, &self.right].map(|side| side.to_string_lossy());
        let header = ["setting", &*left, &*right];
        app.ui.result(|| if differences.is_empty() { String::new() } else { rows(header, &differences) }, &differences)
    }
}

/// The differences as a table.
pub(in crate::command) fn rows(header: [&str; 3], differences: &[Difference]) -> String {
    let row = |difference: &Difference| {
        let [left, right] = difference.shown();
        [difference.setting.to_owned(), shown(&left), shown(&right)]
    };
    table(header, differences.iter().map(row))
}
