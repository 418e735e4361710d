//! Stores secrets in the keyring, and rejects values that a dotenv file cannot contain safely.

use anyhow::Context as _;
use terra_auth::{
    SigningSecret,
    credentials::{API_KEY, Reference, SIGNING_SECRET},
};

use super::{Plan, values::Values};
use crate::{
    env_file,
    failure::{CommandError, FailureKind},
};

/// The service name of terra-auth's keyring entries.
const SERVICE: &str = "terra-auth";

/// Stores the secrets in the keyring. Returns the values, with a reference instead of each secret.
pub(super) fn store_in_keyring(plan: &Plan) -> anyhow::Result<Values> {
    let credentials = &plan.credentials;
    let api_key = (API_KEY, "api-key", Some(credentials.api_key.expose()));
    let signing_secret = credentials.signing_secret.as_ref().map(SigningSecret::expose);
    let mut values = plan.values.0.clone();
    for (key, name, secret) in [api_key, (SIGNING_SECRET, "signing-secret", signing_secret)] {
        let Some(secret) = secret else { continue };
        let account = format!("{}/{name}", credentials.dev_id);
        let reference = Reference::Keyring { account: account.clone() };
        let next = "unlock or start the keyring; or use --api-key-command, or omit --keyring";
        reference.store(&credentials.audience(), secret).with_context(|| {
            CommandError::new(
                FailureKind::Failed,
                format!("could not store {key} in the keyring; no file was written"),
                next,
            )
        })?;
        values.retain(|(known, _)| *known != key);
        values.push((key, format!("keyring:{SERVICE}/{account}")));
    }
    Ok(Values(values))
}

/// Rejects a value that other dotenv libraries would read differently.
pub(super) fn check_portable(key: &str, value: &str) -> anyhow::Result<()> {
    if env_file::is_portable(value) {
        return Ok(());
    }
    let message =
        format!("{key} has quotes, `$`, a backslash or control characters that dotenv libraries read differently");
    let next = "store it outside the file: use --keyring, or a command that runs a script";
    Err(CommandError::new(FailureKind::Misused, message, next).into())
}
