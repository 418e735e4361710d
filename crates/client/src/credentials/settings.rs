use std::str::FromStr;

use terra_auth_types::Environment;
use url::Url;

use super::{
    Audience, CredentialsError, ENV, FileDigest, Reference, Source, SourceLocation, Trust, TrustStore, VARIABLES,
    file::{Entry, ReadFile},
    variable_of,
};
use crate::{
    hosted::check,
    ownership::{self, Access},
};

/// The variables of one source.
pub(super) struct Settings {
    source: Source,
    values: Vec<Entry>,
    /// The digest of a file's text.
    digest: Option<FileDigest>,
}

impl Settings {
    pub(super) fn of_process(vars: &impl Fn(&str) -> Option<String>) -> Self {
        let set = |key: &str| Some(Entry { line: 0, key: key.to_owned(), value: vars(key)? });
        let values = VARIABLES.into_iter().chain([ENV]).filter_map(set).collect();
        Self { source: Source::Process, values, digest: None }
    }

    /// Returns the variables that name `environment`, under their plain names.
    pub(super) fn of_process_for(environment: Environment, vars: &impl Fn(&str) -> Option<String>) -> Self {
        let set =
            |key: &str| Some(Entry { line: 0, key: key.to_owned(), value: vars(&variable_of(key, environment))? });
        let values = VARIABLES.into_iter().filter_map(set).collect();
        Self { source: Source::ProcessOf(environment), values, digest: None }
    }

    /// Returns the names of all variables that are set, in the form of this source.
    pub(super) fn names(&self) -> Vec<String> {
        VARIABLES.into_iter().filter(|key| self.get(key).is_some()).map(|key| self.source.variable(key)).collect()
    }

    pub(super) fn of_file(source: Source, read: ReadFile) -> Self {
        Self { source, values: read.entries, digest: Some(read.digest) }
    }

    /// Returns the settings of a file without entries.
    pub(super) fn of_no_file(source: Source) -> Self {
        Self { source, values: Vec::new(), digest: None }
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// Returns the value, unless it is absent or empty.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entry(key).map(|entry| entry.value.trim()).filter(|value| !value.is_empty())
    }

    pub(super) fn location(&self, key: &str) -> SourceLocation {
        let line = self.entry(key).map(|entry| entry.line).filter(|line| *line > 0);
        SourceLocation { source: self.source.clone(), line }
    }

    /// Parses the value as `T`, if there is one.
    pub(super) fn parse<T: FromStr>(
        &self,
        key: &'static str,
        problem: &'static str,
    ) -> Result<Option<T>, CredentialsError> {
        let read = |value: &str| value.parse().map_err(|_| self.invalid(key, problem));
        self.get(key).map(read).transpose()
    }

    /// Whether the user trusts the source's URLs and references. The process environment is always trusted.
    pub(super) fn trust(&self, store: &TrustStore) -> Trust {
        match (&self.source, &self.digest) {
            (Source::File(file), Some(digest)) => store.look_up(file, digest),
            (Source::File(_), None) => Trust::Unknown,
            (Source::Program | Source::Process | Source::ProcessOf(_), _) => Trust::Trusted,
        }
    }

    /// Returns the value. A reference is resolved if the source is trusted.
    pub(super) fn secret(
        &self,
        key: &'static str,
        audience: &Audience,
        store: &TrustStore,
    ) -> Result<Option<String>, CredentialsError> {
        let not_had =
            |source| CredentialsError::Unresolved { place: self.location(key), key, source: Box::new(source) };
        let Some(value) = self.get(key) else { return Ok(None) };
        let Some(reference) = Reference::parse(value).map_err(not_had)? else { return Ok(Some(value.to_owned())) };
        let mut folder = None;
        if let Source::File(file) = &self.source {
            let trust = self.trust(store);
            if trust != Trust::Trusted {
                let (place, reference) = (self.location(key), reference.to_string());
                return Err(CredentialsError::NotTrusted { place, key, reference, changed: trust == Trust::Changed });
            }
            ownership::check(file, Access::ReadOrChange).map_err(|source| {
                let (place, reference) = (self.location(key), reference.to_string());
                CredentialsError::NotPrivate { place, key, reference, source }
            })?;
            folder = file.parent();
        }
        reference.resolve_in(folder, audience).map(Some).map_err(not_had)
    }

    /// Returns the URL, if there is one, after checking that keys may be sent to it. The schemes are the
    /// encrypted and the plain one.
    pub(super) fn address(&self, key: &'static str, schemes: [&str; 2]) -> Result<Option<Url>, CredentialsError> {
        let url = self.parse::<Url>(key, "is not a URL")?;
        let checked = url.map(|url| check(&url, schemes).map(|()| url));
        checked.transpose().map_err(|problem| self.invalid(key, problem))
    }

    pub(super) fn invalid(&self, key: &'static str, problem: &'static str) -> CredentialsError {
        CredentialsError::Invalid { place: self.location(key), key, problem }
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.values.iter().find(|entry| entry.key == key)
    }
}
