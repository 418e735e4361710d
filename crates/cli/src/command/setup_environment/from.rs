//! Reads dotenv files with the values of one or several environments.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Read as _},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::builder::{OsStringValueParser, TypedValueParser};
use terra_auth::{
    Client, Credentials, Environment, Error,
    credentials::{
        API_KEY, API_URL, DEV_ID, ENV, FileDigest, Reference, SIGNING_SECRET, STREAMING_URL, Trust, TrustStore,
        UnresolvedCredentials, WIDGET_URL, variable_of,
    },
};

use super::values::{MAX_VALUE_BYTES, Values};
use crate::{
    app,
    command::setup_environment::Plan,
    credentials::{credential_file, env_file::EnvFile},
    failure::{CommandError, FailureKind},
};

const KEYS: [&str; 6] = [DEV_ID, API_KEY, SIGNING_SECRET, API_URL, WIDGET_URL, STREAMING_URL];

/// `FILE`, or `testing=FILE`; `-` is standard input.
#[derive(Clone, Debug)]
pub(super) struct ValuesFile {
    environment: Option<Environment>,
    file: PathBuf,
}

/// The parser of the argument. The file name need not be UTF-8.
pub(super) fn parser() -> impl TypedValueParser<Value = ValuesFile> {
    OsStringValueParser::new().map(ValuesFile::of)
}

impl ValuesFile {
    fn of(argument: OsString) -> Self {
        let bytes = argument.as_bytes();
        let named = bytes.iter().position(|byte| *byte == b'=').and_then(|at| {
            let environment = std::str::from_utf8(&bytes[..at]).ok()?.parse().ok()?;
            Some((environment, OsString::from_vec(bytes[at + 1..].to_vec())))
        });
        match named {
            Some((environment, file)) => Self { environment: Some(environment), file: file.into() },
            None => Self { environment: None, file: argument.into() },
        }
    }
}

impl ValuesFile {
    pub(super) fn is_stdin(&self) -> bool {
        self.file == Path::new("-")
    }

    /// The values in the file for each environment. Variables without a prefix are for the environment of the
    /// argument, else for `default`.
    pub(super) fn read(&self, default: Environment) -> anyhow::Result<Vec<(Environment, Values)>> {
        let name = if self.is_stdin() { "standard input".to_owned() } else { self.file.display().to_string() };
        let text = self.text().with_context(|| format!("could not read {name}"))?;
        let entries = credential_file::parse(&name, &text)?;
        let plain = self.environment.unwrap_or(default);
        if let Some(other) = entries.get(ENV).filter(|other| !other.is_empty() && *other != plain.as_str()) {
            let message = format!("{name} is for {other} (by its {ENV}), but was passed for {plain}");
            return Err(CommandError::new(FailureKind::Misused, message, "pass the other file, or select --env").into());
        }
        let found = Environment::ALL.map(|environment| (environment, values(&entries, environment, plain)));
        let given: Vec<_> = found.into_iter().filter(|(_, values)| !values.0.is_empty()).collect();
        if given.is_empty() {
            let next = format!("add lines such as {DEV_ID}=… and {API_KEY}=…");
            return Err(CommandError::new(FailureKind::Misused, format!("{name} has no keys"), next).into());
        }
        self.reject_references(&name, &text, &given)?;
        Ok(given)
    }

    /// Rejects programs and keyring entries in an untrusted file.
    fn reject_references(&self, name: &str, text: &str, given: &[(Environment, Values)]) -> anyhow::Result<()> {
        let mut values = given.iter().flat_map(|(_, values)| &values.0);
        let Some((key, _)) = values.find(|(_, value)| !matches!(Reference::parse(value), Ok(None))) else {
            return Ok(());
        };
        if TrustStore::of_process().look_up(&self.file, &FileDigest::of(text.as_bytes())) == Trust::Trusted {
            return Ok(());
        }
        let message = format!("{name} is not trusted, and refers to an external {key}; nothing was run");
        let next = if self.is_stdin() {
            "write the values to a file, or use --api-key-command or --keyring".to_owned()
        } else {
            format!("review the file, then run `terra-auth env trust {name}`; or use --api-key-command or --keyring")
        };
        Err(CommandError::new(FailureKind::NotConfirmed, message, next).into())
    }

    fn text(&self) -> io::Result<String> {
        let mut text = String::new();
        let read = if self.is_stdin() {
            io::stdin().take(MAX_VALUE_BYTES + 1).read_to_string(&mut text)?
        } else {
            File::open(&self.file)?.take(MAX_VALUE_BYTES + 1).read_to_string(&mut text)?
        };
        if read as u64 > MAX_VALUE_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 KiB"));
        }
        Ok(text)
    }
}

/// The values with an environment's prefix or suffix. Those without one are included if they are for this environment.
fn values(entries: &EnvFile, environment: Environment, plain: Environment) -> Values {
    let prefix = environment.as_str().to_ascii_uppercase();
    let value = |key: &&'static str| {
        let own = entries.get(key).filter(|_| environment == plain);
        let named = entries.get(&format!("{prefix}_{key}")).or_else(|| entries.get(&variable_of(key, environment)));
        let value = named.or(own)?.trim();
        (!value.is_empty()).then(|| (*key, value.to_owned()))
    };
    Values(KEYS.iter().filter_map(value).collect())
}

/// Verifies the keys of all environments, and counts the enabled providers of each.
pub(super) fn verify_all(plans: &mut [Plan]) -> anyhow::Result<()> {
    for at in 0..plans.len() {
        let client = Client::new(plans[at].credentials.clone())?;
        match app::block_on(client.verify_connection())? {
            Ok(integrations) => {
                plans[at].providers = Some(integrations.iter().filter(|integration| integration.enabled).count());
            }
            Err(error) => return Err(rejection_error(plans, at, error)?),
        }
    }
    Ok(())
}

fn rejection_error(plans: &[Plan], at: usize, error: Error) -> anyhow::Result<anyhow::Error> {
    let credentials = &plans[at].credentials;
    let environment = credentials.environment;
    let kind = FailureKind::of_call(&error);
    let next = match kind {
        FailureKind::NotAllowed => match owner_of_key(plans, credentials)? {
            Some(verdict) => verdict,
            None => format!("copy both keys of {environment} again, from the same source"),
        },
        FailureKind::NotFound => format!("check --api-url: there is no Terra API at {}", credentials.api_url),
        FailureKind::NoAnswer => "add --no-verify to write the keys unchecked".to_owned(),
        _ if matches!(error, Error::UnreadableResponse { .. }) => {
            format!("check --api-url: {} is not a Terra API", credentials.api_url)
        }
        _ => "try again later, or add --no-verify to write the keys unchecked".to_owned(),
    };
    let message = format!("could not verify the keys of {environment}; nothing was written");
    Ok(anyhow::Error::new(error).context(CommandError::new(kind, message, next)))
}

/// Finds out whether the key belongs to another environment. Servers return the same error for every wrong pair, so
/// this tries the key with the dev-ids of the other environments. A dev-id that two environments share was rejected
/// before.
fn owner_of_key(plans: &[Plan], refused: &Credentials) -> anyhow::Result<Option<String>> {
    let asked = refused.environment;
    for other in Environment::ALL.into_iter().filter(|other| *other != asked) {
        let planned = plans.iter().find(|plan| plan.environment == other).map(|plan| plan.credentials.clone());
        // A key is never sent to another address than the one it was given for.
        let Some(known) =
            planned.or_else(|| stored_credentials(other)).filter(|known| known.api_url == refused.api_url)
        else {
            continue;
        };
        if are_accepted(&Credentials { dev_id: known.dev_id.clone(), ..refused.clone() })? {
            return Ok(Some(format!(
                "the API key belongs to {other}: it is valid for {}; copy the key of {asked}",
                known.dev_id
            )));
        }
    }
    Ok(environment_in_dev_id(refused).map(|other| {
        format!("by its name, the dev-id is {other}'s; copy both keys of {asked} again, from the same source")
    }))
}

/// The keys in another environment's file. `None` if they are external references.
fn stored_credentials(environment: Environment) -> Option<Credentials> {
    let written = UnresolvedCredentials::find(environment, Path::new(""), &|_| None).ok()?;
    let plain = Reference::parse(written.text(API_KEY)?).ok()?.is_none();
    if plain { written.resolve().ok() } else { None }
}

fn are_accepted(credentials: &Credentials) -> anyhow::Result<bool> {
    let client = Client::builder(credentials.clone()).retries(0).build()?;
    Ok(app::block_on(client.verify_connection())?.is_ok())
}

/// The environment whose name is in the dev-id, as is common.
fn environment_in_dev_id(credentials: &Credentials) -> Option<Environment> {
    let named = |environment: &Environment| credentials.dev_id.as_str().contains(&format!("-{environment}-"));
    let others = Environment::ALL.into_iter().filter(|other| *other != credentials.environment);
    others.filter(|_| !named(&credentials.environment)).find(named)
}
