//! Verifies the keys with the API, and finds the cause if it rejects them.

use std::path::Path;

use terra_auth::{
    Client, Credentials, Environment, Error,
    credentials::{API_KEY, Reference, UnresolvedCredentials},
};

use super::Plan;
use crate::{
    app,
    failure::{CommandError, FailureKind},
};

/// Verifies the keys of all environments, and counts the enabled providers of each.
pub(super) fn verify_all(plans: &mut [Plan]) -> anyhow::Result<()> {
    for at in 0..plans.len() {
        let client = Client::new(plans[at].credentials.clone())?;
        match app::block_on(client.verify_connection())? {
            Ok(integrations) => {
                plans[at].providers = Some(integrations.iter().filter(|integration| integration.enabled).count());
            }
            Err(error) => return Err(rejection_error(plans, at, error)?),
        }
    }
    Ok(())
}

fn rejection_error(plans: &[Plan], at: usize, error: Error) -> anyhow::Result<anyhow::Error> {
    let credentials = &plans[at].credentials;
    let environment = credentials.environment;
    let kind = FailureKind::of_call(&error);
    let next = match kind {
        FailureKind::NotAllowed => match owner_of_key(plans, credentials)? {
            Some(verdict) => verdict,
            None => format!("copy both keys of {environment} again, from the same source"),
        },
        FailureKind::NotFound => format!("check --api-url: there is no Terra API at {}", credentials.api_url),
        FailureKind::NoAnswer => "add --no-verify to write the keys unchecked".to_owned(),
        _ if matches!(error, Error::UnreadableResponse { .. }) => {
            format!("check --api-url: {} is not a Terra API", credentials.api_url)
        }
        _ => "try again later, or add --no-verify to write the keys unchecked".to_owned(),
    };
    let message = format!("could not verify the keys of {environment}; nothing was written");
    Ok(anyhow::Error::new(error).context(CommandError::new(kind, message, next)))
}

/// Finds out whether the key belongs to another environment. Servers return the same error for every wrong pair, so
/// this tries the key with the dev-ids of the other environments. A dev-id that two environments share was rejected
/// before.
fn owner_of_key(plans: &[Plan], refused: &Credentials) -> anyhow::Result<Option<String>> {
    let asked = refused.environment;
    for other in Environment::ALL.into_iter().filter(|other| *other != asked) {
        let planned = plans.iter().find(|plan| plan.environment == other).map(|plan| plan.credentials.clone());
        // A key is never sent to another address than the one it was given for.
        let Some(known) =
            planned.or_else(|| stored_credentials(other)).filter(|known| known.api_url == refused.api_url)
        else {
            continue;
        };
        if are_accepted(&Credentials { dev_id: known.dev_id.clone(), ..refused.clone() })? {
            return Ok(Some(format!(
                "the API key belongs to {other}: it is valid for {}; copy the key of {asked}",
                known.dev_id
            )));
        }
    }
    Ok(environment_in_dev_id(refused).map(|other| {
        format!("by its name, the dev-id is {other}'s; copy both keys of {asked} again, from the same source")
    }))
}

/// The keys in another environment's file. `None` if they are external references.
fn stored_credentials(environment: Environment) -> Option<Credentials> {
    let written = UnresolvedCredentials::find(environment, Path::new(""), &|_| None).ok()?;
    let plain = Reference::parse(written.text(API_KEY)?).ok()?.is_none();
    if plain { written.resolve().ok() } else { None }
}

fn are_accepted(credentials: &Credentials) -> anyhow::Result<bool> {
    let client = Client::builder(credentials.clone()).retries(0).build()?;
    Ok(app::block_on(client.verify_connection())?.is_ok())
}

/// The environment whose name is in the dev-id, as is common.
fn environment_in_dev_id(credentials: &Credentials) -> Option<Environment> {
    let named = |environment: &Environment| credentials.dev_id.as_str().contains(&format!("-{environment}-"));
    let others = Environment::ALL.into_iter().filter(|other| *other != credentials.environment);
    others.filter(|_| !named(&credentials.environment)).find(named)
}
