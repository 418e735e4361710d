use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueHint;

use crate::{
    app::App,
    env_settings::EnvSettings,
    failure::{Advice, Kind},
    ui::{shown, table},
};

/// Compare two environments' settings files: providers, redirect allow-list, destination, branding, user limit
///
/// A settings file is TOML with any of: `name`, `logo_url` ("" is none), `accent` ("#rrggbb" or ""), `user_limit` (a number
/// or "none"), `providers` (a list or "all"), `redirect_allow_list`, `destination` (or ""). It holds no secrets. What only
/// one of the files names is not compared.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env diff testing.toml production.toml",
    "terra-auth env diff testing.toml production.toml --output json",
])]
pub(crate) struct Args {
    /// A settings file
    #[arg(value_hint = ValueHint::FilePath)]
    left: PathBuf,
    /// Another
    #[arg(value_hint = ValueHint::FilePath)]
    right: PathBuf,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let [left, right] = [&self.left, &self.right].map(|file| read(file));
        let differences = left?.differences(&right?);
        if differences.is_empty() {
            app.ui.note("no difference")?;
        }
        let rows = differences.iter().map(|difference| {
            let [left, right] = difference.shown();
            [difference.setting.to_owned(), shown(&left), shown(&right)]
        });
        let header = ["setting", &*self.left.to_string_lossy(), &*self.right.to_string_lossy()];
        app.ui.result(|| if differences.is_empty() { String::new() } else { table(header, rows) }, &differences)
    }
}

/// No settings file is longer.
const LONGEST: u64 = 1 << 20;

fn read(file: &Path) -> anyhow::Result<EnvSettings> {
    let name = file.display();
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(LONGEST).read_to_string(&mut text));
    read.with_context(|| format!("could not read {name}"))?;
    let unusable = |error| Advice::new(Kind::Misused, format!("{name}: {error}"), "mend it; see --help");
    Ok(EnvSettings::parse(&text).map_err(unusable)?)
}
