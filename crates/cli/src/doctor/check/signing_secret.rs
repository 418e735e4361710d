use terra_auth::Error;

use super::with_causes;
use crate::doctor::{Finding, context::Context, gateway::Gateway};

/// There is a secret to verify webhooks with, and the receiver verifies with it.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let missing = context.usable().filter(|credentials| credentials.signing_secret.is_none()).map(|credentials| {
        let environment = credentials.environment;
        let reason = "TERRA_SIGNING_SECRET is missing, so no webhook can be verified";
        let remedy = format!("run `terra-auth setup-environment --env {environment} --signing-secret-file FILE`");
        Finding::warning(&credentials.source, reason, remedy)
    });
    missing.chain(context.gateway.iter().flat_map(receiver)).collect()
}

fn receiver(gateway: &Gateway) -> Vec<Finding> {
    let url = gateway.url.as_str();
    let mut findings = Vec::new();
    let accepted = |answer: &Result<u16, Error>| matches!(answer, Ok(200..=299));
    if !gateway.to_genuine.is_empty() && !gateway.to_genuine.iter().any(|(_, answer)| accepted(answer)) {
        let answers: Vec<String> =
            gateway.to_genuine.iter().map(|(environment, answer)| format!("{environment}: {}", said(answer))).collect();
        let reason = format!("an event signed with the secret here is not accepted ({})", answers.join("; "));
        let remedy = "give the receiver the TERRA_SIGNING_SECRET of its environment, and let it verify the raw body";
        findings.push(Finding::error(url, reason, remedy));
    }
    if accepted(&gateway.to_forged) {
        let reason = format!("an event signed with a made-up secret is accepted ({})", said(&gateway.to_forged));
        let remedy = "verify the terra-signature header over the raw body before anything else, and answer 401";
        findings.push(Finding::error(url, reason, remedy));
    }
    findings
}

fn said(answer: &Result<u16, Error>) -> String {
    match answer {
        Ok(status) => format!("answered {status}"),
        Err(error) => with_causes(error),
    }
}
