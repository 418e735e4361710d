use std::path::Path;

use secrecy::ExposeSecret as _;
use terra_auth::{Environment, credentials::DEV_ID};

use super::shared_key::{is_production, shared};
use crate::doctor::{
    Finding,
    context::{Context, StoredCredential},
    secret_scanner::MatchKind,
};

/// Checks that production credentials do not occur in other environments or in test files.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let copies = shared(&context.stored_credentials).filter_map(|(a, b)| match (is_production(a), is_production(b)) {
        (true, _) => Some(copy(b, a)),
        (_, true) => Some(copy(a, b)),
        (false, false) => None,
    });
    let by_name = context.stored_credentials.iter().filter_map(by_name);
    copies.chain(by_name).chain(in_files(context)).collect()
}

fn copy(copy: &StoredCredential, original: &StoredCredential) -> Finding {
    let reason = format!("{} is the one of production, from {}", copy.key, original.location);
    Finding::error(&copy.location, reason, own_keys_remedy(copy))
}

fn own_keys_remedy(credential: &StoredCredential) -> String {
    let environment = credential.environment.unwrap_or_default();
    format!("run `terra-auth setup-environment --env {environment}` with that environment's own credentials")
}

/// The environment by name. The keys of our server contain it; for a dev-id, this is a guess.
fn by_name(credential: &StoredCredential) -> Option<Finding> {
    if is_production(credential) || credential.environment.is_none() {
        return None;
    }
    let value = credential.value.expose_secret();
    if value.starts_with("ta_production_") {
        Some(Finding::error(
            &credential.location,
            format!("{} is a key of production by its prefix", credential.key),
            own_keys_remedy(credential),
        ))
    } else if credential.key == DEV_ID && value.to_ascii_lowercase().contains("prod") {
        Some(Finding::warning(
            &credential.location,
            "the dev-id is production's by its name",
            own_keys_remedy(credential),
        ))
    } else {
        None
    }
}

fn in_files(context: &Context) -> impl Iterator<Item = Finding> {
    context.tree.matches.iter().filter_map(|(path, found)| {
        let MatchKind::Key { masked, what, environment } = &found.key_match else { return None };
        let remedy =
            "use the key of testing there, read from the environment; rotate the key of production, because it leaked";
        let finding = || {
            let reason = format!("{masked}, {what}, is in a file for tests");
            Finding::error(&format!("{}:{}", path.display(), found.line), reason, remedy)
        };
        is_production_in_testing(path, *environment).then(finding)
    })
}

/// Parts of the paths of tests and of their configuration.
const TESTING_PATHS: [&str; 11] = [
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
    environment == Some(Environment::Production) && TESTING_PATHS.iter().any(|part| path.contains(part))
}
