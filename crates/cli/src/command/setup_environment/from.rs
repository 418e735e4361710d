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
    Environment,
    credentials::{
        API_KEY, API_URL, DEV_ID, ENV, FileDigest, Reference, SIGNING_SECRET, STREAMING_URL, Trust, TrustStore,
        WIDGET_URL, variable_of,
    },
};

use super::values::{MAX_VALUE_BYTES, Values};
use crate::{
    credential_file,
    env_file::EnvFile,
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
