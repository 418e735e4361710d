//! Terra's own API: one key for each environment, and no overlap.

use anyhow::Context as _;
use serde_json::json;
use terra_auth::{DevId, credentials::API_KEY};

use super::{Place, place::not_written, whose::Owner};
use crate::{
    app::{self, App},
    ask,
    failure::{Advice, Kind},
};

const HEADING: &str = "Flags for Terra's own API";

/// What only concerns Terra's own API.
#[derive(clap::Args)]
pub(super) struct Flags {
    /// Replace the key although the old one stops working at once
    #[arg(long, conflicts_with_all = ["overlap", "now", "key_id"], help_heading = HEADING)]
    rotate_now: bool,
    /// Do it without asking; needed where there is no terminal
    #[arg(long, requires = "rotate_now", help_heading = HEADING)]
    yes: bool,
}

impl Flags {
    /// On a server of one's own there is nothing to be warned of.
    pub(super) fn refuse(&self) -> anyhow::Result<()> {
        let message = "--rotate-now is for Terra's own API; this server lets both keys work for a while";
        let refusal = || Advice::new(Kind::Misused, message, "leave it out, or end the old key at once with --now");
        if self.rotate_now { Err(refusal().into()) } else { Ok(()) }
    }

    /// Explains, or does it if that is what the flags say.
    pub(super) fn rotate(&self, app: &App, owner: &Owner, print: bool) -> anyhow::Result<()> {
        if !self.rotate_now {
            app.ui.note(&explanation(&owner.dev_id))?;
            let next = "follow the steps above; if the key leaked, add --rotate-now and accept the gap";
            let message = "not rotated: Terra's API would refuse the old key at once";
            return Err(Advice::new(Kind::NotConfirmed, message, next).into());
        }
        let question = || format!("Replace the key of {}? The old one stops at once.", owner.dev_id);
        ask::sure(self.yes, "rotated", || Ok(question()))?;
        let place = if print { None } else { Some(Place::of(app, owner, API_KEY)?) };
        let rotated = app::wait(owner.admin(app)?.rotate_hosted_api_key(&owner.dev_id))?;
        let rotated = rotated.context("could not rotate the key")?;
        let api_key = rotated.api_key.expose();
        let whole = || json!({ "dev_id": rotated.dev_id, "api_key": api_key });
        let Some(place) = place else { return app.ui.result(|| api_key.to_owned(), &whole()) };
        match place.put(app, API_KEY, api_key) {
            Ok(place) => {
                let masked = app.ui.masked(api_key);
                let json = json!({ "dev_id": rotated.dev_id, "api_key": masked, "written_to": place });
                let plain = || format!("Wrote the new key {masked} to {place}\nThe old one no longer works anywhere");
                app.ui.result(plain, &json)
            }
            Err(error) => {
                app.ui.result(|| api_key.to_owned(), &whole())?;
                Err(not_written(error))
            }
        }
    }
}

/// Source: "Keys of the hosted API" in `docs/compatibility.md`.
fn explanation(dev_id: &DevId) -> String {
    let tokens = format!("https://access.tryterra.co/api/v3/admin/environments/{dev_id}/tokens");
    format!(
        "Terra's own API has one API key for each environment and no overlap: as soon as there is a new key, whoever still\n\
         has the old one is refused. Data tokens replace it without a gap, because several of them work at once:\n\n  \
         1. Mint a data token with your Terra admin token, for a year unless you say otherwise:\n     \
         POST {tokens}\n     \
         {{\"name\": \"backend\", \"scopes\": [\"auth:write\", \"connections:read\", \"connections:write\", \"providers:read\"]}}\n  \
         2. Switch every service from the API key, or from the token before, to the new token. All of them work meanwhile.\n  \
         3. When nothing uses the token before any more, revoke it; it is refused from then on:\n     \
         DELETE {tokens}/<token_id>\n  \
         4. When nothing uses the API key any more, rotating it interrupts nobody:\n     \
         terra-auth keys rotate --rotate-now\n     \
         (this is POST …/environments/{dev_id}/api-key/rotate)\n"
    )
}
