use std::str::FromStr;

use terra_auth_types::Environment;
use url::Url;

use super::file::Entry;
use super::{
    API_KEY, API_URL, CredentialsError, DEV_ID, ENV, Place, RETIRING_SIGNING_SECRET, Reference, SIGNING_SECRET,
    STREAMING_URL, Source, WIDGET_URL, variable_of,
};
use crate::endpoints::check;

/// A file from a repository or an archive is rarely so private: what it names does not run before somebody has looked.
const OPEN: &str =
    "names a command, which is only run from a file that nobody else can open: look at it, then `chmod 600` it";

/// The variables that have a form for each environment.
const KEYS: [&str; 7] = [DEV_ID, API_KEY, SIGNING_SECRET, RETIRING_SIGNING_SECRET, API_URL, WIDGET_URL, STREAMING_URL];

/// The variables of one source, none of them from another.
pub(super) struct Settings {
    source: Source,
    values: Vec<Entry>,
}

impl Settings {
    pub(super) fn of_process(vars: &impl Fn(&str) -> Option<String>) -> Self {
        let set = |key: &str| Some(Entry { line: 0, key: key.to_owned(), value: vars(key)? });
        Self { source: Source::Process, values: KEYS.into_iter().chain([ENV]).filter_map(set).collect() }
    }

    /// The variables that name `environment`, under their plain names.
    pub(super) fn of_process_for(environment: Environment, vars: &impl Fn(&str) -> Option<String>) -> Self {
        let set =
            |key: &str| Some(Entry { line: 0, key: key.to_owned(), value: vars(&variable_of(key, environment))? });
        Self { source: Source::ProcessOf(environment), values: KEYS.into_iter().filter_map(set).collect() }
    }

    /// The names of all variables that are set, as they are written there.
    pub(super) fn names(&self) -> Vec<String> {
        KEYS.into_iter().filter(|key| self.get(key).is_some()).map(|key| self.source.variable(key)).collect()
    }

    pub(super) fn of_file(source: Source, values: Vec<Entry>) -> Self {
        Self { source, values }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// The value, unless absent or empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value.trim()).filter(|value| !value.is_empty())
    }

    pub(super) fn place(&self, key: &str) -> Place {
        let line = self.entry(key).map(|entry| entry.line).filter(|line| *line > 0);
        Place { source: self.source.clone(), line }
    }

    /// The value read as `T`, if there is one.
    pub(super) fn parse<T: FromStr>(
        &self,
        key: &'static str,
        problem: &'static str,
    ) -> Result<Option<T>, CredentialsError> {
        let read = |value: &str| value.parse().map_err(|_| self.invalid(key, problem));
        self.get(key).map(read).transpose()
    }

    /// The value, asked for where it is kept.
    pub(super) fn secret(&self, key: &'static str) -> Result<Option<String>, CredentialsError> {
        let not_had = |source| CredentialsError::NotHad { place: self.place(key), key, source: Box::new(source) };
        let Some(value) = self.get(key) else { return Ok(None) };
        match Reference::parse(value).map_err(not_had)? {
            None => Ok(Some(value.to_owned())),
            Some(Reference::Command(_)) if self.source.is_open_to_others() => Err(self.invalid(key, OPEN)),
            Some(reference) => reference.resolve().map(Some).map_err(not_had),
        }
    }

    /// An address that keys may be sent to, if there is one. The schemes are the encrypted and the plain one.
    pub(super) fn address(&self, key: &'static str, schemes: [&str; 2]) -> Result<Option<Url>, CredentialsError> {
        let url = self.parse::<Url>(key, "is not a URL")?;
        let checked = url.map(|url| check(&url, schemes).map(|()| url));
        checked.transpose().map_err(|problem| self.invalid(key, problem))
    }

    pub(super) fn invalid(&self, key: &'static str, problem: &'static str) -> CredentialsError {
        CredentialsError::Invalid { place: self.place(key), key, problem }
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.values.iter().find(|entry| entry.key == key)
    }
}
