//! Collects the values from options, files, standard input, the prompt, or the existing credential file.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal as _, Read},
    path::Path,
};

use anyhow::Context as _;
use terra_auth::{
    Environment,
    credentials::{API_KEY, API_URL, DEV_ID, SIGNING_SECRET, STREAMING_URL, WIDGET_URL},
};

use super::{Args, ValuesFile};
use crate::{
    credentials::credential_file::CredentialFile,
    failure::{CommandError, FailureKind},
    terminal::prompt,
};

/// The values to write, by variable name and in the order of a new file.
pub(super) struct Values(pub(super) Vec<(&'static str, String)>);

impl Values {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| &**value)
    }
}

impl Args {
    /// The values from options, files and standard input for each environment.
    pub(super) fn given(&self, environment: Environment) -> anyhow::Result<Vec<(Environment, Values)>> {
        if !self.from.is_empty() {
            return from_files(&self.from, environment);
        }
        if !self.all {
            return Ok(vec![(environment, self.values_from_options()?)]);
        }
        if !prompt::has_terminal() {
            return Err(no_terminal("pass the keys with --from").into());
        }
        Ok(Environment::ALL.map(|environment| (environment, Values(Vec::new()))).into())
    }

    /// All values to write. Missing values are prompted for if there is a terminal, else taken from the existing file.
    /// `None` if the user skips this environment.
    pub(super) fn complete_values(
        &self,
        environment: Environment,
        given: &Values,
        file: &CredentialFile,
    ) -> anyhow::Result<Option<Values>> {
        let asks = prompt::has_terminal() && self.from.is_empty() && given.0.is_empty() && !self.has_url_options();
        let Some(dev_id) = self.dev_id_of(environment, given, file, asks)? else { return Ok(None) };
        // A key belongs to its dev-id, so a different dev-id needs a different key.
        let keeps = file.value(DEV_ID) == Some(&dev_id);
        let kept = |key| file.value(key).filter(|_| keeps).map(str::to_owned);
        let api_key = match given.get(API_KEY) {
            Some(api_key) => api_key.to_owned(),
            None => required_secret(environment, kept(API_KEY), asks)?,
        };
        let signing_secret = match given.get(SIGNING_SECRET) {
            None if asks => optional_secret(kept(SIGNING_SECRET))?,
            given => given.map(str::to_owned),
        };
        let url = |key, flag: &Option<String>| (key, given.get(key).map(str::to_owned).or_else(|| flag.clone()));
        let all = [
            (DEV_ID, Some(dev_id)),
            (API_KEY, Some(api_key)),
            (SIGNING_SECRET, signing_secret),
            url(API_URL, &self.api_url),
            url(WIDGET_URL, &self.widget_url),
            url(STREAMING_URL, &self.streaming_url),
        ];
        Ok(Some(Values(all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())))
    }

    fn has_url_options(&self) -> bool {
        !self.all && [&self.api_url, &self.widget_url, &self.streaming_url].into_iter().any(Option::is_some)
    }

    fn values_from_options(&self) -> anyhow::Result<Values> {
        let mut stdin = BufReader::new(io::stdin().take(MAX_VALUE_BYTES));
        let mut secret = |what, from_stdin: bool, file: Option<&Path>, command: &Option<String>| match (file, command) {
            (_, Some(command)) => Ok(Some(format!("command:{command}"))),
            (Some(file), _) if file != Path::new("-") => {
                first_line_of(file).and_then(|line| non_empty(&line, what)).map(Some)
            }
            (file, _) if from_stdin || file.is_some() => from_standard_input(&mut stdin, what).map(Some),
            _ => Ok(None),
        };
        let (file, command) = (self.api_key_file.as_deref(), &self.api_key_command);
        let api_key = secret("API key", self.api_key_stdin, file, command)?;
        let (file, command) = (self.signing_secret_file.as_deref(), &self.signing_secret_command);
        let signing_secret = secret("signing secret", self.signing_secret_stdin, file, command)?;
        let dev_id = self.dev_id.as_ref().map(ToString::to_string);
        let all = [(DEV_ID, dev_id), (API_KEY, api_key), (SIGNING_SECRET, signing_secret)];
        Ok(Values(all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()))
    }

    /// The dev-id. `None` if the user skips this environment.
    fn dev_id_of(
        &self,
        environment: Environment,
        given: &Values,
        file: &CredentialFile,
        asks: bool,
    ) -> anyhow::Result<Option<String>> {
        match (given.get(DEV_ID), file.value(DEV_ID)) {
            (Some(given), _) => Ok(Some(given.to_owned())),
            (None, Some(existing)) if !asks => Ok(Some(existing.to_owned())),
            (None, existing) if prompt::has_terminal() && self.from.is_empty() => {
                let skips = if self.all && existing.is_none() { " (Enter to skip)" } else { "" };
                let answer = prompt::text(&format!("dev-id of {environment}{skips}:"), existing)?;
                if self.all { Ok(non_empty(&answer, "").ok()) } else { non_empty(&answer, "dev-id").map(Some) }
            }
            _ if !self.from.is_empty() => Err(incomplete_keys_error(environment, DEV_ID).into()),
            _ => Err(missing_value_error("the dev-id", "--dev-id").into()),
        }
    }
}

/// Upper bound on the size of both secrets together, and of a file of values.
pub(super) const MAX_VALUE_BYTES: u64 = 64 * 1024;

/// Reads all files. Each environment, and standard input, may occur only once.
fn from_files(files: &[ValuesFile], default: Environment) -> anyhow::Result<Vec<(Environment, Values)>> {
    let twice =
        |what: String| CommandError::new(FailureKind::Misused, format!("{what} was given twice"), "pass it once");
    if files.iter().filter(|from| from.is_stdin()).count() > 1 {
        return Err(twice("standard input".to_owned()).into());
    }
    let mut all: Vec<(Environment, Values)> = Vec::new();
    let read: Vec<_> = files.iter().map(|from| from.read(default)).collect::<Result<_, _>>()?;
    for (environment, values) in read.into_iter().flatten() {
        if all.iter().any(|(known, _)| *known == environment) {
            return Err(twice(environment.to_string()).into());
        }
        if values.get(API_KEY).is_none() {
            return Err(incomplete_keys_error(environment, API_KEY).into());
        }
        all.push((environment, values));
    }
    Ok(all)
}

fn first_line_of(file: &Path) -> anyhow::Result<String> {
    let opened = File::open(file).and_then(|file| line(&mut BufReader::new(file.take(MAX_VALUE_BYTES))));
    opened.with_context(|| format!("could not read {}", file.display()))
}

fn from_standard_input(stdin: &mut impl BufRead, what: &str) -> anyhow::Result<String> {
    let text = if io::stdin().is_terminal() {
        prompt::secret(&format!("{what}:"), "not shown")?
    } else {
        line(stdin).context("could not read standard input")?
    };
    non_empty(&text, what)
}

fn line(source: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    source.read_line(&mut line)?;
    Ok(line)
}

fn non_empty(text: &str, what: &str) -> anyhow::Result<String> {
    match text.trim() {
        "" => {
            Err(CommandError::new(FailureKind::Misused, format!("the {what} is empty"), "write it on its own line")
                .into())
        }
        text => Ok(text.to_owned()),
    }
}

fn required_secret(environment: Environment, kept: Option<String>, asks: bool) -> anyhow::Result<String> {
    let question = format!("API key of {environment}:");
    match kept {
        Some(kept) if !asks => Ok(kept),
        None if !prompt::has_terminal() => {
            Err(missing_value_error("the API key", "--api-key-stdin or --api-key-file").into())
        }
        None => non_empty(&prompt::secret(&question, "not shown")?, "API key"),
        Some(kept) => {
            let answer = prompt::secret(&question, "not shown; Enter to use the one in the file")?;
            Ok(non_empty(&answer, "").unwrap_or(kept))
        }
    }
}

fn optional_secret(kept: Option<String>) -> anyhow::Result<Option<String>> {
    let enter = if kept.is_some() { "Enter to use the one in the file" } else { "Enter to skip" };
    let answer = prompt::secret("Signing secret:", &format!("verifies webhooks; not shown; {enter}"))?;
    Ok(non_empty(&answer, "").ok().or(kept))
}

fn incomplete_keys_error(environment: Environment, key: &str) -> CommandError {
    let message = format!("no {key} given for {environment}; nothing was written");
    CommandError::new(FailureKind::Misused, message, "pass both keys of an environment together")
}

fn missing_value_error(what: &str, flag: &str) -> CommandError {
    let message = format!("{what} is missing, and there is no terminal for a prompt");
    CommandError::new(FailureKind::NotConfirmed, message, format!("pass it with {flag}"))
}

fn no_terminal(next: &str) -> CommandError {
    CommandError::new(FailureKind::NotConfirmed, "there is no terminal for the prompts", next)
}
