//! The warnings before the files are written, and the result.

use anyhow::Context as _;
use serde_json::{Value, json};
use terra_auth::{
    Credentials, SigningSecret,
    credentials::{API_KEY, DEV_ID, Reference, SIGNING_SECRET},
};

use super::Plan;
use crate::{
    app::App,
    command::setup_environment::values::Values,
    credentials::{env_file, variable},
    failure::{CommandError, FailureKind},
    terminal::ui::Ui,
};

pub(super) fn warn_about_changes(app: &App, Plan { file, values, .. }: &Plan, keyring: bool) -> anyhow::Result<()> {
    let name = &file.name;
    let another_account = file.value(DEV_ID).is_some_and(|existing| values.get(DEV_ID) != Some(existing));
    if another_account && file.value(SIGNING_SECRET).is_some() && values.get(SIGNING_SECRET).is_none() {
        app.ui.warn(&format!(
            "the {SIGNING_SECRET} in {name} belongs to the previous dev-id; replace it with --signing-secret-file"
        ))?;
    }
    let refers = |value: &str| Reference::parse(value).is_ok_and(|reference| reference.is_some());
    for key in [API_KEY, SIGNING_SECRET].into_iter().filter(|_| !keyring) {
        let (existing, new) = (file.value(key), values.get(key));
        if existing.is_some_and(refers) && new.is_some_and(|new| !refers(new)) {
            app.ui.warn(&format!("{key} was stored outside {name}; from now on, the file contains it"))?;
        }
    }
    for key in [DEV_ID, API_KEY].into_iter().filter(|key| variable::text(key).is_some()) {
        app.ui.warn(&format!("unset {key}: the process environment overrides the file"))?;
    }
    Ok(())
}

/// Prints the result: one object for one environment, else a list.
pub(super) fn print_result(app: &App, plans: &[Plan]) -> anyhow::Result<()> {
    let json = match plans {
        [plan] => as_json(app.ui, plan),
        plans => plans.iter().map(|plan| as_json(app.ui, plan)).collect(),
    };
    app.ui.result(|| plans.iter().map(|plan| plain(app.ui, plan)).collect::<Vec<_>>().join("\n\n"), &json)
}

fn as_json(ui: Ui, plan: &Plan) -> Value {
    let Credentials { environment, dev_id, api_key, signing_secret, api_url, .. } = &plan.credentials;
    json!({
        "environment": environment, "file": plan.file.name, "dev_id": dev_id, "api_key": ui.masked(api_key.expose()),
        "api_key_in": external_reference(plan, API_KEY), "signing_secret": signing_secret.as_ref().map(|it| ui.masked(it.expose())),
        "api_url": api_url, "verified": plan.providers.is_some(), "providers": plan.providers,
    })
}

fn plain(ui: Ui, plan: &Plan) -> String {
    let Credentials { dev_id, api_key, signing_secret, api_url, .. } = &plan.credentials;
    let shown = |key, secret: &str| match external_reference(plan, key) {
        Some(keeper) => format!("{}  in {keeper}", ui.masked(secret)),
        None => ui.masked(secret),
    };
    let api_key = shown(API_KEY, api_key.expose());
    let secret = signing_secret.as_ref().map_or_else(
        || "none; webhooks cannot be verified".to_owned(),
        |secret| shown(SIGNING_SECRET, secret.expose()),
    );
    let verdict = plan.providers.map_or_else(
        || "Not verified; run `terra-auth verify-connection`".to_owned(),
        |providers| format!("Connected! {providers} providers available"),
    );
    let first = format!("Wrote {}\n  dev-id          {dev_id}\n  API key         {api_key}", plan.file.name);
    format!("{first}\n  signing secret  {secret}\n  API             {api_url}\n{verdict}")
}

/// The external reference of the secret, if the file does not contain it.
fn external_reference(plan: &Plan, key: &str) -> Option<String> {
    Reference::parse(plan.file.value(key)?).ok()?.map(|reference| reference.to_string())
}

/// The service name of terra-auth's keyring entries.
const SERVICE: &str = "terra-auth";

/// Stores the secrets in the keyring. Returns the values, with a reference instead of each secret.
pub(super) fn store_in_keyring(plan: &Plan) -> anyhow::Result<Values> {
    let credentials = &plan.credentials;
    let api_key = (API_KEY, "api-key", Some(credentials.api_key.expose()));
    let signing_secret = credentials.signing_secret.as_ref().map(SigningSecret::expose);
    let mut values = plan.values.0.clone();
    for (key, name, secret) in [api_key, (SIGNING_SECRET, "signing-secret", signing_secret)] {
        let Some(secret) = secret else { continue };
        let account = format!("{}/{name}", credentials.dev_id);
        let reference = Reference::Keyring { account: account.clone() };
        let next = "unlock or start the keyring; or use --api-key-command, or omit --keyring";
        reference.store(&credentials.audience(), secret).with_context(|| {
            CommandError::new(
                FailureKind::Failed,
                format!("could not store {key} in the keyring; no file was written"),
                next,
            )
        })?;
        values.retain(|(known, _)| *known != key);
        values.push((key, format!("keyring:{SERVICE}/{account}")));
    }
    Ok(Values(values))
}

/// Rejects a value that other dotenv libraries would read differently.
pub(super) fn check_portable(key: &str, value: &str) -> anyhow::Result<()> {
    if env_file::is_portable(value) {
        return Ok(());
    }
    let message =
        format!("{key} has quotes, `$`, a backslash or control characters that dotenv libraries read differently");
    let next = "store it outside the file: use --keyring, or a command that runs a script";
    Err(CommandError::new(FailureKind::Misused, message, next).into())
}
