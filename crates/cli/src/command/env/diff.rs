use std::ffi::{OsStr, OsString};

use crate::{
    app::App,
    command::{admin::access::Access, env::settings::Side},
    env_settings::Difference,
    ui::{shown, table},
};

/// Compare the settings of two environments: providers, redirect allow-list, destination, branding, user limit, user ids
///
/// Each side is `testing`, `staging` or `production`, asked of the server that its credential file names, or a settings
/// file. A settings file is TOML with any of: `name`, `logo_url` ("" is none), `accent` ("#rrggbb" or ""), `user_limit` (a
/// number or "none"), `providers` (a list or "all"), `redirect_allow_list`, `destination` (or ""), `keep_user_id` and
/// `bound_tokens_only` (true or false). It holds no secrets. What only one side names is not compared.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env diff testing production",
    "terra-auth env diff testing production --output json",
    "terra-auth env diff staging.toml production",
])]
pub(crate) struct Args {
    /// An environment or a settings file
    left: OsString,
    /// Another
    right: OsString,
    #[command(flatten)]
    access: Access,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let side = |text: &OsStr| Side::of(text).settings(app, &self.access);
        let differences = side(&self.left)?.differences(&side(&self.right)?);
        if differences.is_empty() {
            app.ui.note("no difference")?;
        }
        let [left, right] = [&self.left, &self.right].map(|side| side.to_string_lossy());
        let header = ["setting", &*left, &*right];
        app.ui.result(|| if differences.is_empty() { String::new() } else { rows(header, &differences) }, &differences)
    }
}

/// The differences for people.
pub(in crate::command) fn rows(header: [&str; 3], differences: &[Difference]) -> String {
    let row = |difference: &Difference| {
        let [left, right] = difference.shown();
        [difference.setting.to_owned(), shown(&left), shown(&right)]
    };
    table(header, differences.iter().map(row))
}
