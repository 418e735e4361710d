use terra_auth::Error;

use super::with_causes;
use crate::doctor::{Finding, context::Context, gateway::ReceiverResponses};

/// Checks that there is a signing secret, and that the receiver verifies webhooks with it.
pub(super) fn check(context: &Context) -> Vec<Finding> {
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
