use secrecy::ExposeSecret as _;
use terra_auth::Environment;

use crate::doctor::{
    Finding,
    context::{Context, StoredCredential},
};

/// Checks that no two environments have the same dev-id, key or secret.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let pairs =
        shared(&context.stored_credentials).filter(|(a, b)| ![a, b].iter().any(|credential| is_production(credential)));
    pairs.map(|(a, b)| finding(a, b)).collect()
}

pub(super) fn is_production(credential: &StoredCredential) -> bool {
    credential.environment == Some(Environment::Production)
}

/// Pairs of equal values that belong to different environments.
pub(super) fn shared(all: &[StoredCredential]) -> impl Iterator<Item = (&StoredCredential, &StoredCredential)> {
    let pairs = all.iter().enumerate().flat_map(|(index, a)| all[index + 1..].iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| {
        let apart = a.environment.is_some() && b.environment.is_some() && a.environment != b.environment;
        apart && a.key == b.key && a.value.expose_secret() == b.value.expose_secret()
    })
}

fn finding(a: &StoredCredential, b: &StoredCredential) -> Finding {
    let names = [a, b].map(|credential| credential.environment.map_or("none", Environment::as_str));
    let reason = format!("{} is the same in {} and {}, at {}", a.key, names[0], names[1], a.location);
    let remedy = format!("run `terra-auth setup-environment --env {}` with that environment's own", names[1]);
    Finding::error(&b.location, reason, remedy)
}
