use secrecy::ExposeSecret as _;
use terra_auth::Environment;

use crate::doctor::{
    Finding,
    context::{Context, Held},
};

/// No two environments have the same dev-id, key or secret.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let pairs = shared(&context.held).filter(|(a, b)| ![a, b].iter().any(|held| is_production(held)));
    pairs.map(|(a, b)| finding(a, b)).collect()
}

pub(super) fn is_production(held: &Held) -> bool {
    held.environment == Some(Environment::Production)
}

/// Two places of one value that belong to two environments.
pub(super) fn shared(held: &[Held]) -> impl Iterator<Item = (&Held, &Held)> {
    let pairs = held.iter().enumerate().flat_map(|(index, a)| held[index + 1..].iter().map(move |b| (a, b)));
    pairs.filter(|(a, b)| {
        let apart = a.environment.is_some() && b.environment.is_some() && a.environment != b.environment;
        apart && a.key == b.key && a.value.expose_secret() == b.value.expose_secret()
    })
}

fn finding(a: &Held, b: &Held) -> Finding {
    let names = [a, b].map(|held| held.environment.map_or("none", Environment::as_str));
    let reason = format!("{} is the same in {} and {}, at {}", a.key, names[0], names[1], a.place);
    let remedy = format!("run `terra-auth setup-environment --env {}` with that environment's own", names[1]);
    Finding::error(&b.place, reason, remedy)
}
