use serde_json::json;
use terra_auth_store as store;

use super::{
    options::Options,
    sources::{Missing, Sources},
    summary::Summary,
};
use crate::{app::App, ui::table};

/// Reads what a start would read, and shows it.
pub(super) fn run(options: &Options, app: &App) -> anyhow::Result<()> {
    let sources = Sources::read(options, app.environment, Missing::Leave)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A store in memory, so that nothing is made; the real one is for the start to open.
    runtime.block_on(async { sources.gateway(store::open(&"sqlite::memory:".into()).await?) })?;
    let summary = Summary::of(&sources, options);
    for warning in &summary.warnings {
        app.ui.warn(warning)?;
    }
    let rows = || summary.rows.iter().map(|row| [row.setting.clone(), row.value.clone(), row.origin.clone()]);
    let json = json!({ "settings": summary.rows, "warnings": summary.warnings });
    app.ui.result(|| table(["Setting", "Value", "From"], rows()), &json)
}
