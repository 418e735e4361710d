use std::{fmt, io, path::PathBuf};

use terra_auth_types::Environment;

use crate::ownership::OwnershipError;

use super::{API_KEY, DEV_ID, ENV, ReferenceError, Source, file_name, variable_of};

/// The error of loading credentials. It names files, lines and variables, and never contains a value.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Neither the process environment nor a file has keys.
    #[error(
        "no keys for {environment}: neither {} nor {} exists; run `terra-auth dev` for a server on this machine, or \
         `terra-auth setup-environment --env {environment}` for keys that you have, or set {DEV_ID} and {API_KEY} (or {} \
         and {})",
        file.display(), older.display(), variable_of(DEV_ID, *environment), variable_of(API_KEY, *environment)
    )]
    NoFile {
        /// The requested environment.
        environment: Environment,
        /// The file that was searched first.
        file: PathBuf,
        /// The file that was searched next.
        older: PathBuf,
    },
    /// A file exists but cannot be read.
    #[error("could not read {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line of a file is not `KEY=value`.
    #[error("{}:{line}: {problem}", file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The problem and its fix.
        problem: &'static str,
    },
    /// A variable is not set.
    #[error(
        "{} is missing; add it there, or run `terra-auth setup-environment --env {environment}`",
        named(location, key)
    )]
    Missing {
        /// The requested environment.
        environment: Environment,
        /// The source that should have it.
        location: SourceLocation,
        /// The name of the variable.
        key: &'static str,
    },
    /// The process environment has only one variable of a pair. The other one is never taken from a file.
    #[error(
        "the process environment has {present} but not {missing}; set both there, or neither to use {}",
        file_name(*environment)
    )]
    HalfPair {
        /// The requested environment.
        environment: Environment,
        /// The variable that is set.
        present: String,
        /// The variable that is not set.
        missing: String,
    },
    /// A value is invalid.
    #[error("{} {problem}", named(place, key))]
    Invalid {
        /// The location of the value.
        place: SourceLocation,
        /// The name of the variable.
        key: &'static str,
        /// The problem and its fix.
        problem: &'static str,
    },
    /// A value is stored elsewhere, and could not be read from there.
    #[error("{} could not be read", named(place, key))]
    Unresolved {
        /// The location of the reference.
        place: SourceLocation,
        /// The name of the variable.
        key: &'static str,
        /// The cause.
        source: Box<ReferenceError>,
    },
    /// A file refers to a secret that is stored elsewhere, and the user does not trust the file.
    #[error(
        "{} refers to the {reference}, but the file {}; review the file, then run `terra-auth env trust {}`",
        named(place, key),
        if *changed { "has changed since it was trusted" } else { "is not trusted" },
        shell_word(place)
    )]
    NotTrusted {
        /// The location of the reference.
        place: SourceLocation,
        /// The name of the variable.
        key: &'static str,
        /// The target of the reference.
        reference: String,
        /// Whether an earlier version of the file was trusted.
        changed: bool,
    },
    /// A file refers to a secret that is stored elsewhere, and other users could have written or read the file.
    #[error("{} refers to the {reference}, but {source}; {}", named(place, key), source.remedy())]
    NotPrivate {
        /// The location of the reference.
        place: SourceLocation,
        /// The name of the variable.
        key: &'static str,
        /// The target of the reference.
        reference: String,
        /// The problem of the file.
        source: OwnershipError,
    },
    /// The process environment has another environment's keys.
    #[error(
        "{asked} was requested, but the process environment has keys of {found} (according to {ENV}); \
         unset them, or use {found}"
    )]
    OtherEnvironment {
        /// The requested environment.
        asked: Environment,
        /// The value of `TERRA_ENV`.
        found: String,
    },
    /// Another environment has the same key, so it is unknown which environment the key belongs to.
    #[error(
        "{asked} was requested, but {key} from {place} is also in {other}'s {}; \
         each environment has its own keys: fix the wrong one",
        elsewhere.with_kind(key)
    )]
    SharedKey {
        /// The requested environment.
        asked: Environment,
        /// The name of the variable, `TERRA_DEV_ID` or `TERRA_API_KEY`.
        key: &'static str,
        /// The location that the key was loaded from.
        place: SourceLocation,
        /// The other environment with the same key.
        other: Environment,
        /// The source of the other environment: a file, or variables of the process environment.
        elsewhere: Source,
    },
}

/// Returns the name of a file, quoted for a shell.
fn shell_word(place: &SourceLocation) -> String {
    let name = place.source.to_string();
    shlex::try_quote(&name).map(Into::into).unwrap_or(name)
}

/// Returns a variable with its location.
fn named(place: &SourceLocation, key: &str) -> String {
    match &place.source {
        Source::ProcessOf(environment) => format!("{}: {}", Source::Process, variable_of(key, *environment)),
        Source::Program | Source::Process | Source::File(_) => format!("{place}: {key}"),
    }
}

/// The location of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLocation {
    /// The file, or the process environment.
    pub source: Source,
    /// The line of a file, counted from 1.
    pub line: Option<usize>,
}

impl From<Source> for SourceLocation {
    fn from(source: Source) -> Self {
        Self { source, line: None }
    }
}

impl fmt::Display for SourceLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}
