use std::{fmt, io, path::PathBuf};

use terra_auth_types::Environment;

use crate::ownership::OwnershipError;

use super::{API_KEY, DEV_ID, ENV, ReferenceError, Source, file_name, variable_of};

/// Why there are no credentials. Names files, lines and variables, never a value.
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
        /// Whose keys were asked for.
        environment: Environment,
        /// The file that was looked for first.
        file: PathBuf,
        /// The file that was looked for next.
        older: PathBuf,
    },
    /// A file is there but cannot be read.
    #[error("could not read {}", file.display())]
    Unreadable {
        /// Which one.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of a file is not `KEY=value`.
    #[error("{}:{line}: {problem}", file.display())]
    Malformed {
        /// Which file.
        file: PathBuf,
        /// Which line, counted from one.
        line: usize,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// A variable is not set.
    #[error(
        "{} is missing; add it there, or run `terra-auth setup-environment --env {environment}`",
        named(place, key)
    )]
    Missing {
        /// Whose keys were asked for.
        environment: Environment,
        /// Where it was looked for.
        place: Place,
        /// Which one.
        key: &'static str,
    },
    /// The process environment has half a pair, which is never completed from a file.
    #[error(
        "the process environment has {present} but not {missing}; set both there, or neither to use {}",
        file_name(*environment)
    )]
    HalfPair {
        /// Whose keys were asked for.
        environment: Environment,
        /// The half that is there.
        present: String,
        /// The half that is not.
        missing: String,
    },
    /// A value cannot be used.
    #[error("{} {problem}", named(place, key))]
    Invalid {
        /// Where it stands.
        place: Place,
        /// Which one.
        key: &'static str,
        /// What is wrong and what to do.
        problem: &'static str,
    },
    /// A value is kept elsewhere, and did not come from there.
    #[error("{} could not be had", named(place, key))]
    NotHad {
        /// Where the reference stands.
        place: Place,
        /// Which one.
        key: &'static str,
        /// Why.
        source: Box<ReferenceError>,
    },
    /// A file says where a secret is kept, and its user has not agreed to that.
    #[error(
        "{} is to come from the {reference}, but the file {}; look at the file, then run `terra-auth env trust {}`",
        named(place, key),
        if *changed { "has changed since it was trusted" } else { "is not trusted" },
        shell_word(place)
    )]
    NotTrusted {
        /// Where the reference stands.
        place: Place,
        /// Which one.
        key: &'static str,
        /// What it refers to.
        reference: String,
        /// Whether an earlier text of the file was trusted.
        changed: bool,
    },
    /// A file says where a secret is kept, and other users could have written or read it.
    #[error("{} is to come from the {reference}, but {source}; {}", named(place, key), source.remedy())]
    NotPrivate {
        /// Where the reference stands.
        place: Place,
        /// Which one.
        key: &'static str,
        /// What it refers to.
        reference: String,
        /// What is wrong with the file.
        source: OwnershipError,
    },
    /// The process environment holds another environment's keys.
    #[error(
        "asked for {asked}, but the process environment holds keys of {held} (by its {ENV}); \
         unset them, or ask for {held}"
    )]
    OtherEnvironment {
        /// Whose keys were asked for.
        asked: Environment,
        /// What `TERRA_ENV` says.
        held: String,
    },
    /// Another environment's file has the same key, so it is not known whose it is.
    #[error(
        "asked for {asked}, but {key} from {place} also stands in {other}'s {}; \
         each environment has keys of its own: mend the wrong one",
        elsewhere.with_kind(key)
    )]
    SharedKey {
        /// Whose keys were asked for.
        asked: Environment,
        /// Which of the two keys.
        key: &'static str,
        /// Where it was loaded from.
        place: Place,
        /// Who else has it.
        other: Environment,
        /// And where: a file, or variables of the process environment.
        elsewhere: Source,
    },
}

/// A file's name, as it can be typed.
fn shell_word(place: &Place) -> String {
    let name = place.source.to_string();
    shlex::try_quote(&name).map(Into::into).unwrap_or(name)
}

/// A variable and where it stands.
fn named(place: &Place, key: &str) -> String {
    match &place.source {
        Source::ProcessOf(environment) => format!("{}: {}", Source::Process, variable_of(key, *environment)),
        Source::Program | Source::Process | Source::File(_) => format!("{place}: {key}"),
    }
}

/// Where a value stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, or the process environment.
    pub source: Source,
    /// The line of a file, counted from one.
    pub line: Option<usize>,
}

impl From<Source> for Place {
    fn from(source: Source) -> Self {
        Self { source, line: None }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}
