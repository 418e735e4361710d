//! Asks the API about the keys, and about what is wrong with them.

use std::path::Path;

use terra_auth::{
    Client, Credentials, Environment, Error,
    credentials::{API_KEY, Reference, Written},
};

use super::Plan;
use crate::{
    app,
    failure::{Advice, Kind},
};

/// Counts the providers of each environment, if the API accepts all keys.
pub(super) fn all(plans: &mut [Plan]) -> anyhow::Result<()> {
    for at in 0..plans.len() {
        let client = Client::new(plans[at].credentials.clone())?;
        match app::wait(client.verify_connection())? {
            Ok(integrations) => {
                plans[at].providers = Some(integrations.iter().filter(|integration| integration.enabled).count());
            }
            Err(error) => return Err(refused(plans, at, error)?),
        }
    }
    Ok(())
}

fn refused(plans: &[Plan], at: usize, error: Error) -> anyhow::Result<anyhow::Error> {
    let credentials = &plans[at].credentials;
    let environment = credentials.environment;
    let kind = Kind::of_call(&error);
    let next = match kind {
        Kind::NotAllowed => match wrong_half(plans, credentials)? {
            Some(verdict) => verdict,
            None => format!("copy both keys of {environment} again, from one place"),
        },
        Kind::NotFound => format!("check --api-url: {} has no such API", credentials.api_url),
        Kind::NoAnswer => "add --no-verify to write the keys unchecked".to_owned(),
        _ if matches!(error, Error::UnreadableAnswer { .. }) => {
            format!("check --api-url: {} is something else", credentials.api_url)
        }
        _ => "try again later, or add --no-verify to write the keys unchecked".to_owned(),
    };
    let message = format!("could not verify the keys of {environment}; nothing was written");
    Ok(anyhow::Error::new(error).context(Advice::new(kind, message, next)))
}

/// Servers answer every wrong pair alike. A key that opens another environment's dev-id tells which half is whose; a dev-id
/// that another environment has too was refused before.
fn wrong_half(plans: &[Plan], refused: &Credentials) -> anyhow::Result<Option<String>> {
    let asked = refused.environment;
    for other in Environment::ALL.into_iter().filter(|other| *other != asked) {
        let planned = plans.iter().find(|plan| plan.environment == other).map(|plan| plan.credentials.clone());
        // A key goes nowhere but where it was meant to go.
        let Some(known) = planned.or_else(|| on_disk(other)).filter(|known| known.api_url == refused.api_url) else {
            continue;
        };
        if opens(&Credentials { dev_id: known.dev_id.clone(), ..refused.clone() })? {
            return Ok(Some(format!("the API key is {other}'s: it opens {}; copy the key of {asked}", known.dev_id)));
        }
    }
    Ok(named_after(refused)
        .map(|other| format!("by its name, the dev-id is {other}'s; copy both keys of {asked} again, from one place")))
}

/// Another environment's keys from its file, unless somebody would have to be asked for them.
fn on_disk(environment: Environment) -> Option<Credentials> {
    let written = Written::find(environment, Path::new(""), &|_| None).ok()?;
    let plain = Reference::parse(written.text(API_KEY)?).ok()?.is_none();
    if plain { written.read().ok() } else { None }
}

fn opens(credentials: &Credentials) -> anyhow::Result<bool> {
    let client = Client::builder(credentials.clone()).retries(0).build()?;
    Ok(app::wait(client.verify_connection())?.is_ok())
}

/// Dev-ids often hold the name of their environment.
fn named_after(credentials: &Credentials) -> Option<Environment> {
    let named = |environment: &Environment| credentials.dev_id.as_str().contains(&format!("-{environment}-"));
    let others = Environment::ALL.into_iter().filter(|other| *other != credentials.environment);
    others.filter(|_| !named(&credentials.environment)).find(named)
}
