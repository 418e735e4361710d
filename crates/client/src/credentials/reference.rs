//! A value that is kept elsewhere, where the file only says where.

use std::{fmt, io};

mod command;
mod keyring;

const COMMAND: &str = "command:";
const KEYRING: &str = "keyring:";

/// Where a secret is kept that is not in the credential file itself.
///
/// ```text
/// TERRA_API_KEY='command:op read op://vault/terra/api-key'
/// TERRA_API_KEY=keyring:terra-auth/acme-testing-0000000000/api-key
/// ```
///
/// A command's words are split as a shell splits them, but no shell runs: no variables, no pipes. It gets no standard input
/// and 10 s; the first line it writes is the value. The keyring is the operating system's, behind the feature `keyring`,
/// and gets 1 s. Whatever goes wrong is an error: there is no other place that the value might come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A program and its arguments; never empty.
    Command(Vec<String>),
    /// An entry of the operating system's keyring.
    Keyring {
        /// Up to the first `/`.
        service: String,
        /// All that follows.
        account: String,
    },
}

impl Reference {
    /// Reads a value of a credential file; `None` if it is the secret itself.
    ///
    /// # Errors
    ///
    /// [`ReferenceError::Malformed`] for a reference that names nothing.
    pub fn parse(value: &str) -> Result<Option<Self>, ReferenceError> {
        let malformed = ReferenceError::Malformed;
        if let Some(line) = value.strip_prefix(COMMAND) {
            let words = shlex::split(line).filter(|words| words.first().is_some_and(|word| !word.is_empty()));
            return words.map(Self::Command).map(Some).ok_or(malformed("names no command; close every quote"));
        }
        let Some(entry) = value.strip_prefix(KEYRING) else { return Ok(None) };
        match entry.split_once('/') {
            Some((service, account)) if !service.is_empty() && !account.is_empty() => {
                Ok(Some(Self::Keyring { service: service.to_owned(), account: account.to_owned() }))
            }
            _ => Err(malformed("must be keyring:service/account")),
        }
    }

    /// Asks for the value. Waits up to 10 s for a command, and up to 1 s for the keyring.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`] says who did not answer, and never what.
    pub fn resolve(&self) -> Result<String, ReferenceError> {
        match self {
            Self::Command(words) => command::first_line(words, command::PATIENCE),
            Self::Keyring { service, account } => keyring::get(service, account),
        }
    }

    /// Puts a value where the reference points, within 1 s.
    ///
    /// # Errors
    ///
    /// [`ReferenceError::ReadOnly`] for a command, else what the keyring says.
    pub fn keep(&self, value: &str) -> Result<(), ReferenceError> {
        match self {
            Self::Command(_) => Err(ReferenceError::ReadOnly),
            Self::Keyring { service, account } => keyring::set(service, account, value),
        }
    }
}

/// As people may see it: of a command only the program, because an argument may be a secret.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(words) => write!(f, "command {}", words.first().map_or("", |program| program)),
            Self::Keyring { service, account } => write!(f, "keyring {service}/{account}"),
        }
    }
}

/// Why a reference gave no value. Never shows what was written to standard output.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// It names nothing.
    #[error("the reference {0}")]
    Malformed(&'static str),
    /// The program is not there, or may not be run.
    #[error("could not run {program}")]
    NotStarted {
        /// The first word of the command.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// The program ended without success.
    #[error("{program} failed ({status}){hint}; run it by itself to see why")]
    Failed {
        /// The first word of the command.
        program: String,
        /// Its exit code or signal.
        status: String,
        /// The last line that it wrote to standard error, after a colon.
        hint: String,
    },
    /// The program took too long, and was ended.
    #[error("{program} did not answer within {seconds} s; run it by itself: it may be waiting to be unlocked")]
    Late {
        /// The first word of the command.
        program: String,
        /// How long it was given.
        seconds: u64,
    },
    /// The first line is empty, too long, or no text.
    #[error("{program} answered nothing that can be used: its first line must be the value")]
    Unusable {
        /// The first word of the command.
        program: String,
    },
    /// A command can only be asked.
    #[error("a command gives a value and takes none; store it with the program itself")]
    ReadOnly,
    /// This build cannot ask the keyring.
    #[error("this program was built without the keyring; build it with the feature `keyring`, or use a command")]
    NoKeyring,
    /// The keyring took too long.
    #[error("the keyring did not answer within 1 s; is it running and unlocked?")]
    KeyringLate,
    /// The keyring has no such entry.
    #[error("the keyring has no entry {entry}; write it with `terra-auth setup-environment --keyring`")]
    NotInKeyring {
        /// Service and account.
        entry: String,
    },
    /// The keyring cannot be reached, is locked, or refuses.
    #[error("the keyring cannot be used: {problem}")]
    KeyringFailed {
        /// Its own words.
        problem: String,
    },
}

#[cfg(test)]
mod tests {
    use super::Reference;

    fn read(value: &str) -> Option<Reference> {
        Reference::parse(value).unwrap()
    }

    #[test]
    fn a_value_is_a_secret_or_says_where_it_is() {
        assert_eq!(read("test-key-not-a-secret"), None);
        assert_eq!(read("Command:op"), None);
        let words = ["op", "read", "op://my vault/terra", ""].map(str::to_owned);
        assert_eq!(read("command: op read 'op://my vault/terra' \"\""), Some(Reference::Command(words.to_vec())));
        let entry = Reference::Keyring { service: "terra-auth".to_owned(), account: "acme/api-key".to_owned() };
        assert_eq!(read("keyring:terra-auth/acme/api-key"), Some(entry));
    }

    #[test]
    fn a_reference_that_names_nothing_is_refused() {
        for value in ["command:", "command: ", "command:''", "command:op 'read", "keyring:", "keyring:a", "keyring:/b"]
        {
            assert!(Reference::parse(value).is_err(), "{value}");
        }
    }

    #[test]
    fn an_argument_is_not_shown() {
        let shown = read("command:get --token token-not-a-secret").unwrap().to_string();
        assert_eq!(shown, "command get");
        assert!(read("command:true").unwrap().keep("test-key-not-a-secret").is_err());
    }
}
