//! Where the values come from: a flag, a file, standard input, the prompt, or the credential file itself.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, IsTerminal as _, Read},
    path::Path,
};

use anyhow::Context as _;
use terra_auth::credentials::{API_KEY, API_URL, DEV_ID, SIGNING_SECRET, STREAMING_URL, WIDGET_URL};

use super::Args;
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
    /// Everything to write. What is not given is asked for if there is a terminal, else kept as the file has it.
    pub(super) fn values(&self, file: &CredentialFile) -> anyhow::Result<Values> {
        let (api_key, signing_secret) = self.given_secrets()?;
        let asks = ask::possible() && !self.gives_anything();
        let dev_id = match &self.dev_id {
            Some(dev_id) => dev_id.to_string(),
            None => dev_id(file, asks)?,
        };
        // A key goes with its dev-id, so another dev-id needs another key.
        let keeps = file.held(DEV_ID) == Some(&dev_id);
        let kept = |key| file.held(key).filter(|_| keeps).map(str::to_owned);
        let api_key = match api_key {
            Some(api_key) => api_key,
            None => needed_secret(kept(API_KEY), asks)?,
        };
        let signing_secret = match signing_secret {
            None if asks => optional_secret(kept(SIGNING_SECRET))?,
            given => given,
        };
        let all = [
            (DEV_ID, Some(dev_id)),
            (API_KEY, Some(api_key)),
            (SIGNING_SECRET, signing_secret),
            (API_URL, self.api_url.clone()),
            (WIDGET_URL, self.widget_url.clone()),
            (STREAMING_URL, self.streaming_url.clone()),
        ];
        Ok(Values(all.into_iter().filter_map(|(key, value)| Some((key, value?))).collect()))
    }

    fn gives_anything(&self) -> bool {
        let flags = self.api_key_stdin || self.signing_secret_stdin;
        let files = self.api_key_file.is_some() || self.signing_secret_file.is_some();
        let urls = [&self.api_url, &self.widget_url, &self.streaming_url];
        flags || files || self.dev_id.is_some() || urls.into_iter().any(Option::is_some)
    }

    /// The API key and the signing secret, as far as flags say where they are.
    fn given_secrets(&self) -> anyhow::Result<(Option<String>, Option<String>)> {
        let mut stdin = BufReader::new(io::stdin().take(LONGEST));
        let mut secret = |what, from_stdin: bool, file: Option<&Path>| match file {
            Some(file) => first_line_of(file).and_then(|line| filled(&line, what)).map(Some),
            None if from_stdin => from_standard_input(&mut stdin, what).map(Some),
            None => Ok(None),
        };
        let api_key = secret("API key", self.api_key_stdin, self.api_key_file.as_deref())?;
        let signing_secret = secret("signing secret", self.signing_secret_stdin, self.signing_secret_file.as_deref())?;
        Ok((api_key, signing_secret))
    }
}

/// Both secrets together are shorter.
const LONGEST: u64 = 16 * 1024;

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

fn dev_id(file: &CredentialFile, asks: bool) -> anyhow::Result<String> {
    match file.held(DEV_ID) {
        Some(held) if !asks => Ok(held.to_owned()),
        held if ask::possible() => filled(&ask::text("dev-id:", held)?, "dev-id"),
        _ => Err(missing("the dev-id", "--dev-id").into()),
    }
}

fn needed_secret(kept: Option<String>, asks: bool) -> anyhow::Result<String> {
    match kept {
        Some(kept) if !asks => Ok(kept),
        None if !ask::possible() => Err(missing("the API key", "--api-key-stdin or --api-key-file").into()),
        None => filled(&ask::secret("API key:", "not shown")?, "API key"),
        Some(kept) => {
            let answer = ask::secret("API key:", "not shown; Enter keeps the file's")?;
            Ok(filled(&answer, "").unwrap_or(kept))
        }
    }
}

fn optional_secret(kept: Option<String>) -> anyhow::Result<Option<String>> {
    let enter = if kept.is_some() { "Enter keeps the file's" } else { "Enter skips it" };
    let answer = ask::secret("Signing secret:", &format!("verifies webhooks; not shown; {enter}"))?;
    Ok(filled(&answer, "").ok().or(kept))
}

fn missing(what: &str, flag: &str) -> Advice {
    let message = format!("{what} is missing, and there is no terminal to ask on");
    Advice::new(Kind::NotConfirmed, message, format!("give it with {flag}"))
}
