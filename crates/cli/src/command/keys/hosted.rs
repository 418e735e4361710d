//! Rotation at Terra's hosted API, which has one key per environment and no overlap.

use anyhow::Context as _;
use serde_json::json;
use terra_auth::{DevId, credentials::API_KEY};

use super::{KeyDestination, destination::save_error, target::Target};
use crate::{
    app::{self, App},
    failure::{CommandError, FailureKind},
    prompt,
};

const HEADING: &str = "Options for Terra's hosted API";

/// The options that apply to Terra's hosted API only.
#[derive(clap::Args)]
pub(super) struct HostedOptions {
    /// Rotate the key even though the old one stops working at once
    #[arg(long, conflicts_with_all = ["overlap", "now", "key_id"], help_heading = HEADING)]
    rotate_now: bool,
    /// Skip the confirmation (required without a terminal)
    #[arg(long, requires = "rotate_now", help_heading = HEADING)]
    yes: bool,
}

impl HostedOptions {
    /// Rejects `--rotate-now` for the user's own server, where the old key remains valid during the overlap.
    pub(super) fn reject(&self) -> anyhow::Result<()> {
        let message =
            "--rotate-now applies to Terra's hosted API; on this server, both keys are valid during the overlap";
        let refusal =
            || CommandError::new(FailureKind::Misused, message, "omit it, or revoke the old key at once with --now");
        if self.rotate_now { Err(refusal().into()) } else { Ok(()) }
    }

    /// Rotates the key with `--rotate-now`; otherwise explains how to switch without a gap.
    pub(super) fn rotate(&self, app: &App, target: &Target, print: bool) -> anyhow::Result<()> {
        if !self.rotate_now {
            app.ui.note(&explanation(&target.dev_id))?;
            let next = "follow the steps above; if the key leaked, add --rotate-now and accept the gap";
            let message = "not rotated: Terra's API would reject the old key at once";
            return Err(CommandError::new(FailureKind::NotConfirmed, message, next).into());
        }
        let question = || format!("Rotate the key of {}? The old key stops working at once.", target.dev_id);
        prompt::confirm_or_yes(self.yes, "rotated", || Ok(question()))?;
        let destination = if print { None } else { Some(KeyDestination::of(app, target, API_KEY)?) };
        let rotated = app::block_on(target.admin(app)?.rotate_hosted_api_key(&target.dev_id))?;
        let rotated = rotated.context("could not rotate the key")?;
        let api_key = rotated.api_key.expose();
        let unmasked = || json!({ "dev_id": rotated.dev_id, "api_key": api_key });
        let Some(destination) = destination else { return app.ui.result(|| api_key.to_owned(), &unmasked()) };
        match destination.write_key(app, API_KEY, api_key) {
            Ok(location) => {
                let masked = app.ui.masked(api_key);
                let json = json!({ "dev_id": rotated.dev_id, "api_key": masked, "written_to": location });
                let plain = || format!("Wrote the new key {masked} to {location}\nThe old key no longer works");
                app.ui.result(plain, &json)
            }
            Err(error) => {
                app.ui.result(|| api_key.to_owned(), &unmasked())?;
                Err(save_error(error))
            }
        }
    }
}

/// Source: "Keys of the hosted API" in `docs/compatibility.md`.
fn explanation(dev_id: &DevId) -> String {
    let tokens = format!("https://access.tryterra.co/api/v3/admin/environments/{dev_id}/tokens");
    format!(
        "Terra's hosted API has one API key per environment and no overlap: as soon as a new key exists, the API rejects\n\
         the old one. Data tokens replace the key without a gap, because several of them are valid at the same time:\n\n  \
         1. Create a data token with your Terra admin token (valid for a year by default):\n     \
         POST {tokens}\n     \
         {{\"name\": \"backend\", \"scopes\": [\"auth:write\", \"connections:read\", \"connections:write\", \"providers:read\"]}}\n  \
         2. Switch every service from the API key, or from the previous token, to the new token. All of them remain valid.\n  \
         3. When no service uses the previous token, revoke it:\n     \
         DELETE {tokens}/<token_id>\n  \
         4. When no service uses the API key, rotate it. This causes no interruption:\n     \
         terra-auth keys rotate --rotate-now\n     \
         (this is POST …/environments/{dev_id}/api-key/rotate)\n"
    )
}
