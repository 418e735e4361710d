use serde_json::json;
use terra_auth_store as store;

use super::{
    options::Options,
    sources::{MissingSecret, Sources},
    summary::Summary,
};
use crate::{app::App, ui::table};

/// Reads the same sources as a start, and prints the effective settings.
pub(super) fn run(options: &Options, app: &App) -> anyhow::Result<()> {
    let sources = Sources::read(options, app.environment, MissingSecret::Ignore)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // An in-memory store, because a check must not create the real one.
    runtime.block_on(async { sources.gateway(store::open(&"sqlite::memory:".into()).await?) })?;
    let summary = Summary::of(&sources, options);
    for warning in &summary.warnings {
        app.ui.warn(warning)?;
    }
    let rows = || summary.rows.iter().map(|row| [row.setting.clone(), row.value.clone(), row.origin.clone()]);
    let json = json!({ "settings": summary.rows, "warnings": summary.warnings });
    app.ui.result(|| table(["Setting", "Value", "From"], rows()), &json)
}
