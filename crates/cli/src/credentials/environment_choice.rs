//! The values of `--env`.

use std::ffi::OsStr;

use clap::{
    builder::{PossibleValue, TypedValueParser},
    error::ErrorKind,
};
use terra_auth::Environment;

/// The value of `--env`. Every argument with that id has this type, because clap reads the global
/// argument from the command's.
#[derive(Clone, Copy)]
pub(crate) enum EnvironmentChoice {
    One(Environment),
    All,
}

impl EnvironmentChoice {
    /// The selected environments; all of them, once each, if `all` is among them.
    pub(crate) fn environments(which: &[Self]) -> Vec<Environment> {
        let one = |which: &Self| match which {
            Self::One(environment) => Some(*environment),
            Self::All => None,
        };
        which.iter().map(one).collect::<Option<_>>().unwrap_or_else(|| Environment::ALL.to_vec())
    }
}

/// Parses an environment's name or `all`. Few commands accept `all`, so the help does not list it.
#[derive(Clone)]
pub(crate) struct EnvironmentChoiceParser;

impl TypedValueParser for EnvironmentChoiceParser {
    type Value = EnvironmentChoice;

    fn parse_ref(
        &self,
        command: &clap::Command,
        arg: Option<&clap::Arg>,
        value: &OsStr,
    ) -> clap::error::Result<EnvironmentChoice> {
        if value == "all" {
            Ok(EnvironmentChoice::All)
        } else {
            EnvironmentParser.parse_ref(command, arg, value).map(EnvironmentChoice::One)
        }
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue>>> {
        EnvironmentParser.possible_values()
    }
}

/// Parses an environment's name, with the library's error message for an unknown one.
#[derive(Clone)]
struct EnvironmentParser;

impl TypedValueParser for EnvironmentParser {
    type Value = Environment;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> clap::error::Result<Environment> {
        let name = value.to_string_lossy();
        name.parse().map_err(|error| clap::Error::raw(ErrorKind::InvalidValue, format!("{error}\n")).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue>>> {
        Some(Box::new(Environment::ALL.into_iter().map(|environment| PossibleValue::new(environment.as_str()))))
    }
}
