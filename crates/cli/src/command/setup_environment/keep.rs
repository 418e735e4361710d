//! Where a value is kept: in the file as it is, or in the keyring.

use anyhow::Context as _;
use terra_auth::{
    SigningSecret,
    credentials::{API_KEY, Reference, SIGNING_SECRET},
};

use super::{Plan, values::Values};
use crate::{
    env_file,
    failure::{Advice, Kind},
};

/// Under which name the keyring shows our entries.
const SERVICE: &str = "terra-auth";

/// Puts the secrets into the keyring; the values with a reference in the place of each.
pub(super) fn in_keyring(plan: &Plan) -> anyhow::Result<Values> {
    let credentials = &plan.credentials;
    let api_key = (API_KEY, "api-key", Some(credentials.api_key.expose()));
    let signing_secret = credentials.signing_secret.as_ref().map(SigningSecret::expose);
    let mut values = plan.values.0.clone();
    for (key, name, secret) in [api_key, (SIGNING_SECRET, "signing-secret", signing_secret)] {
        let Some(secret) = secret else { continue };
        let account = format!("{}/{name}", credentials.dev_id);
        let reference = Reference::Keyring { account: account.clone() };
        let next = "unlock or start it; or use --api-key-command, or leave out --keyring";
        reference.keep(&credentials.audience(), secret).with_context(|| {
            Advice::new(Kind::Failed, format!("could not keep {key} in the keyring; no file was written"), next)
        })?;
        values.retain(|(known, _)| *known != key);
        values.push((key, format!("keyring:{SERVICE}/{account}")));
    }
    Ok(Values(values))
}

/// Refuses a value that other libraries would read as something else.
pub(super) fn readable_by_all(key: &str, value: &str) -> anyhow::Result<()> {
    if env_file::is_portable(value) {
        return Ok(());
    }
    let message =
        format!("{key} has quotes, `$`, a backslash or control characters that dotenv libraries read differently");
    let next = "keep it elsewhere: with --keyring, or a command in a script of its own";
    Err(Advice::new(Kind::Misused, message, next).into())
}
