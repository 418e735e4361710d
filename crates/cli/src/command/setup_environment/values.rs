//! Where the values come from: a flag, a file, standard input, the prompt, or the credential file itself.

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

use super::{Args, From};
use crate::{
    ask,
    credential_file::CredentialFile,
    failure::{Advice, Kind},
};

/// What to write, by the names of the variables and in the order of a new file.
pub(super) struct Values(pub(super) Vec<(&'static str, String)>);

impl Values {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, value)| &**value)
    }
}

impl Args {
    /// What flags, files and standard input give to each environment.
    pub(super) fn given(&self, environment: Environment) -> anyhow::Result<Vec<(Environment, Values)>> {
        if !self.from.is_empty() {
            return from_files(&self.from, environment);
        }
        if !self.all {
            return Ok(vec![(environment, self.given_by_flags()?)]);
        }
        if !ask::possible() {
            return Err(no_terminal("give the keys with --from").into());
        }
        Ok(Environment::ALL.map(|environment| (environment, Values(Vec::new()))).into())
    }

    /// Everything to write. What is not given is asked for if there is a terminal, else kept as the file has it.
    /// Nothing if nobody wants to set up this one of all.
    pub(super) fn complete(
        &self,
        environment: Environment,
        given: &Values,
        file: &CredentialFile,
    ) -> anyhow::Result<Option<Values>> {
        let asks = ask::possible() && self.from.is_empty() && given.0.is_empty() && !self.gives_urls();
        let Some(dev_id) = self.dev_id_of(environment, given, file, asks)? else { return Ok(None) };
        // A key goes with its dev-id, so another dev-id needs another key.
        let keeps = file.held(DEV_ID) == Some(&dev_id);
        let kept = |key| file.held(key).filter(|_| keeps).map(str::to_owned);
        let api_key = match given.get(API_KEY) {
            Some(api_key) => api_key.to_owned(),
            None => needed_secret(environment, kept(API_KEY), asks)?,
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

    fn gives_urls(&self) -> bool {
        !self.all && [&self.api_url, &self.widget_url, &self.streaming_url].into_iter().any(Option::is_some)
    }

    fn given_by_flags(&self) -> anyhow::Result<Values> {
        let mut stdin = BufReader::new(io::stdin().take(LONGEST));
        let mut secret = |what, from_stdin: bool, file: Option<&Path>, command: &Option<String>| match (file, command) {
            (_, Some(command)) => Ok(Some(format!("command:{command}"))),
            (Some(file), _) if file != Path::new("-") => {
                first_line_of(file).and_then(|line| filled(&line, what)).map(Some)
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

    /// Nothing if the answer is that this one of all is left out.
    fn dev_id_of(
        &self,
        environment: Environment,
        given: &Values,
        file: &CredentialFile,
        asks: bool,
    ) -> anyhow::Result<Option<String>> {
        match (given.get(DEV_ID), file.held(DEV_ID)) {
            (Some(given), _) => Ok(Some(given.to_owned())),
            (None, Some(held)) if !asks => Ok(Some(held.to_owned())),
            (None, held) if ask::possible() && self.from.is_empty() => {
                let skips = if self.all && held.is_none() { " (Enter leaves it out)" } else { "" };
                let answer = ask::text(&format!("dev-id of {environment}{skips}:"), held)?;
                if self.all { Ok(filled(&answer, "").ok()) } else { filled(&answer, "dev-id").map(Some) }
            }
            _ if !self.from.is_empty() => Err(incomplete(environment, DEV_ID).into()),
            _ => Err(missing("the dev-id", "--dev-id").into()),
        }
    }
}

/// Both secrets together, and a whole file of values, are shorter.
pub(super) const LONGEST: u64 = 64 * 1024;

/// Every environment at most once, and standard input too.
fn from_files(files: &[From], default: Environment) -> anyhow::Result<Vec<(Environment, Values)>> {
    let twice = |what: String| Advice::new(Kind::Misused, format!("{what} is given twice"), "give it once");
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
            return Err(incomplete(environment, API_KEY).into());
        }
        all.push((environment, values));
    }
    Ok(all)
}

fn first_line_of(file: &Path) -> anyhow::Result<String> {
    let opened = File::open(file).and_then(|file| line(&mut BufReader::new(file.take(LONGEST))));
    opened.with_context(|| format!("could not read {}", file.display()))
}

fn from_standard_input(stdin: &mut impl BufRead, what: &str) -> anyhow::Result<String> {
    let text = if io::stdin().is_terminal() {
        ask::secret(&format!("{what}:"), "not shown")?
    } else {
        line(stdin).context("could not read standard input")?
    };
    filled(&text, what)
}

fn line(source: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    source.read_line(&mut line)?;
    Ok(line)
}

fn filled(text: &str, what: &str) -> anyhow::Result<String> {
    match text.trim() {
        "" => Err(Advice::new(Kind::Misused, format!("the {what} is empty"), "it stands alone on its line").into()),
        text => Ok(text.to_owned()),
    }
}

fn needed_secret(environment: Environment, kept: Option<String>, asks: bool) -> anyhow::Result<String> {
    let question = format!("API key of {environment}:");
    match kept {
        Some(kept) if !asks => Ok(kept),
        None if !ask::possible() => Err(missing("the API key", "--api-key-stdin or --api-key-file").into()),
        None => filled(&ask::secret(&question, "not shown")?, "API key"),
        Some(kept) => {
            let answer = ask::secret(&question, "not shown; Enter keeps the file's")?;
            Ok(filled(&answer, "").unwrap_or(kept))
        }
    }
}

fn optional_secret(kept: Option<String>) -> anyhow::Result<Option<String>> {
    let enter = if kept.is_some() { "Enter keeps the file's" } else { "Enter skips it" };
    let answer = ask::secret("Signing secret:", &format!("verifies webhooks; not shown; {enter}"))?;
    Ok(filled(&answer, "").ok().or(kept))
}

fn incomplete(environment: Environment, key: &str) -> Advice {
    let message = format!("no {key} is given for {environment}; nothing was written");
    Advice::new(Kind::Misused, message, "give both keys of an environment together")
}

fn missing(what: &str, flag: &str) -> Advice {
    let message = format!("{what} is missing, and there is no terminal to ask on");
    Advice::new(Kind::NotConfirmed, message, format!("give it with {flag}"))
}

fn no_terminal(next: &str) -> Advice {
    Advice::new(Kind::NotConfirmed, "there is no terminal to ask on", next)
}
