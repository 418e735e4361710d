use std::path::Path;

use secrecy::ExposeSecret as _;
use terra_auth::{Environment, credentials::DEV_ID};

use super::shared_key::{is_production, shared};
use crate::doctor::{
    Finding,
    context::{Context, Held},
    eye::Sight,
};

/// What opens production stands nowhere where things are tried out.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let copies = shared(&context.held).filter_map(|(a, b)| match (is_production(a), is_production(b)) {
        (true, _) => Some(copy(b, a)),
        (_, true) => Some(copy(a, b)),
        (false, false) => None,
    });
    let by_name = context.held.iter().filter_map(by_name);
    copies.chain(by_name).chain(in_files(context)).collect()
}

fn copy(held: &Held, original: &Held) -> Finding {
    let reason = format!("{} is production's, from {}", held.key, original.place);
    Finding::error(&held.place, reason, own(held))
}

fn own(held: &Held) -> String {
    let environment = held.environment.unwrap_or_default();
    format!("run `terra-auth setup-environment --env {environment}` with that environment's own credentials")
}

/// Our own keys say what they open; of a dev-id it is a guess.
fn by_name(held: &Held) -> Option<Finding> {
    if is_production(held) || held.environment.is_none() {
        return None;
    }
    let value = held.value.expose_secret();
    if value.starts_with("ta_production_") {
        Some(Finding::error(&held.place, format!("{} says of itself that it opens production", held.key), own(held)))
    } else if held.key == DEV_ID && value.to_ascii_lowercase().contains("prod") {
        Some(Finding::warning(&held.place, "the dev-id reads as if it were production's", own(held)))
    } else {
        None
    }
}

fn in_files(context: &Context) -> impl Iterator<Item = Finding> {
    context.tree.seen.iter().filter_map(|(path, seen)| {
        let Sight::Key { masked, what, environment } = &seen.sight else { return None };
        let remedy =
            "use testing's key there, read from the environment; and replace production's, because it was seen";
        let finding = || {
            let reason = format!("{masked}, {what}, stands where things are tried out");
            Finding::error(&format!("{}:{}", path.display(), seen.line), reason, remedy)
        };
        is_production_in_testing(path, *environment).then(finding)
    })
}

/// Words in the names of folders and files where tests and their machines are set up.
const PLACES: [&str; 11] = [
    "test",
    "spec",
    "fixture",
    "e2e",
    "staging",
    ".github",
    ".gitlab-ci",
    ".circleci",
    "jenkinsfile",
    "pipelines",
    "compose",
];

pub(super) fn is_production_in_testing(path: &Path, environment: Option<Environment>) -> bool {
    let path = path.to_string_lossy().to_ascii_lowercase();
    environment == Some(Environment::Production) && PLACES.iter().any(|place| path.contains(place))
}
