//! Checks of the stored keys and secrets: missing, malformed, hard-coded, or used in two environments.

use std::path::Path;

use secrecy::ExposeSecret as _;
use terra_auth::{CredentialsError, Environment, Error, credentials::DEV_ID};

use crate::doctor::{
    Finding,
    check::with_causes,
    context::{Context, StoredCredential},
    online::ReceiverResponses,
    secret_scanner::MatchKind,
    tree::MAX_FILES,
};

/// Checks that no file that git does not ignore contains a key.
pub(super) fn hard_coded_key(context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, found) in &context.tree.matches {
        let MatchKind::Key { masked, what, environment } = &found.key_match else { continue };
        if is_production_in_testing(path, *environment) {
            continue; // reported by that check
        }
        let remedy = "read the key from the environment or a credential file, and rotate it if the file was ever \
                      shared; if it is fake, add the comment `terra-auth: fake` on the line";
        let reason = format!("{masked}, {what}, is in the file");
        findings.push(Finding::error(&format!("{}:{}", path.display(), found.line), reason, remedy));
    }
    if context.tree.truncated {
        let reason = format!("only the first {MAX_FILES} files were scanned");
        findings.push(Finding::warning(".", reason, "run doctor in each subfolder"));
    }
    findings
}

/// Checks that production credentials do not occur in other environments or in test files.
pub(super) fn production_key_in_testing(context: &Context) -> Vec<Finding> {
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

/// Checks that no two environments have the same dev-id, key or secret.
pub(super) fn shared_key(context: &Context) -> Vec<Finding> {
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

/// Checks that there is a signing secret, and that the receiver verifies webhooks with it.
pub(super) fn signing_secret(context: &Context) -> Vec<Finding> {
    let missing = context.usable().filter(|credentials| credentials.signing_secret.is_none()).map(|credentials| {
        let environment = credentials.environment;
        let reason = "TERRA_SIGNING_SECRET is missing, so no webhook can be verified";
        let remedy = format!("run `terra-auth setup-environment --env {environment} --signing-secret-file FILE`");
        Finding::warning(&credentials.source, reason, remedy)
    });
    missing.chain(context.gateway.iter().flat_map(receiver)).collect()
}

fn receiver(gateway: &ReceiverResponses) -> Vec<Finding> {
    let url = gateway.url.as_str();
    let mut findings = Vec::new();
    let accepted = |answer: &Result<u16, Error>| matches!(answer, Ok(200..=299));
    if !gateway.to_genuine.is_empty() && !gateway.to_genuine.iter().any(|(_, answer)| accepted(answer)) {
        let answers: Vec<String> = gateway
            .to_genuine
            .iter()
            .map(|(environment, answer)| format!("{environment}: {}", describe(answer)))
            .collect();
        let reason = format!("the receiver rejects an event signed with the secret here ({})", answers.join("; "));
        let remedy = "set the TERRA_SIGNING_SECRET of its environment in the receiver, and verify the raw body";
        findings.push(Finding::error(url, reason, remedy));
    }
    if accepted(&gateway.to_forged) {
        let reason =
            format!("the receiver accepts an event signed with a made-up secret ({})", describe(&gateway.to_forged));
        let remedy = "verify the terra-signature header over the raw body before anything else, and return 401";
        findings.push(Finding::error(url, reason, remedy));
    }
    findings
}

fn describe(answer: &Result<u16, Error>) -> String {
    match answer {
        Ok(status) => format!("returned {status}"),
        Err(error) => with_causes(error),
    }
}

/// Checks that the credential files can be read and are complete.
pub(super) fn credentials(context: &Context) -> Vec<Finding> {
    if context.environments.is_empty() {
        let remedy = "create them with `terra-auth setup-environment --env testing`, or run doctor in their folder";
        return vec![Finding::info(".", "no environment has credentials here", remedy)];
    }
    let unusable = |(environment, error): (_, &CredentialsError)| match error {
        CredentialsError::SharedKey { .. } => None, // reported by `shared-key` and `production-key-in-testing`
        error => {
            let remedy =
                format!("fix that line or variable, or run `terra-auth setup-environment --env {environment}`");
            Some(Finding::error(&environment, with_causes(error), remedy))
        }
    };
    let errors =
        context.credentials.iter().filter_map(|(environment, loaded)| Some((environment, loaded.as_ref().err()?)));
    errors.filter_map(unusable).collect()
}
