use terra_auth::CredentialsError;

use super::with_causes;
use crate::doctor::{Finding, context::Context};

/// The credential files can be read, and are whole.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    if context.environments.is_empty() {
        let remedy = "write them with `terra-auth setup-environment --env testing`, or run this where they are";
        return vec![Finding::info(".", "no environment has credentials here", remedy)];
    }
    let unusable = |(environment, error): (_, &CredentialsError)| match error {
        CredentialsError::SharedKey { .. } => None, // two other checks tell
        error => {
            let remedy = format!("mend that place, or run `terra-auth setup-environment --env {environment}`");
            Some(Finding::error(&environment, with_causes(error), remedy))
        }
    };
    let errors =
        context.credentials.iter().filter_map(|(environment, loaded)| Some((environment, loaded.as_ref().err()?)));
    errors.filter_map(unusable).collect()
}
