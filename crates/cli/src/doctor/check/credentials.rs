use terra_auth::CredentialsError;

use super::with_causes;
use crate::doctor::{Finding, context::Context};

/// Checks that the credential files can be read and are complete.
pub(super) fn check(context: &Context) -> Vec<Finding> {
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
