//! A value that is kept elsewhere, where the file only says where.

use std::{fmt, io, path::Path};

use url::Url;

use super::hosts::Hosts;
use crate::endpoints::is_hosted;

mod command;
mod keyring;

const COMMAND: &str = "command:";
const KEYRING: &str = "keyring:";
/// Whose entries of the keyring are read; those of other programs are not.
const SERVICE: &str = "terra-auth";

/// Where a secret is kept that is not in the credential file itself.
///
/// ```text
/// TERRA_API_KEY='command:op read op://vault/terra/api-key'
/// TERRA_API_KEY=keyring:terra-auth/acme-testing-0000000000/api-key
/// ```
///
/// A command's words are split as a shell splits them, but no shell runs: no variables, no pipes. It gets no standard input
/// and 10 s; the first line it writes is the value. The keyring is the operating system's, behind the feature `keyring`,
/// and gets 1 s. Only entries of terra-auth are read, and each is bound to its [`Audience`], so a file cannot have it sent
/// to another address. Whatever goes wrong is an error: there is no other place that the value might come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A program and its arguments; never empty.
    Command(Vec<String>),
    /// An entry of the operating system's keyring.
    Keyring {
        /// All that follows `terra-auth/`.
        account: String,
    },
}

/// The audience of keys for Terra's own hosts.
const HOSTED: &str = "tryterra.co";

/// Whom a secret is sent to: the origin of the API, and that of the streaming socket if it does not go with the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(String);

impl Audience {
    /// Of these two addresses. All hosts that Terra runs are one audience.
    #[must_use]
    pub fn of(api: &Url, streaming: &Url) -> Self {
        let name = |url: &Url| if is_hosted(url) { HOSTED.to_owned() } else { url.origin().ascii_serialization() };
        let beside = Hosts::beside(api.clone()).streaming;
        let further = (name(streaming) != name(&beside)).then(|| format!(" {}", name(streaming)));
        Self(format!("{}{}", name(api), further.unwrap_or_default()))
    }
}

impl Audience {
    /// Whether Terra itself runs all of it.
    #[must_use]
    pub fn is_hosted(&self) -> bool {
        self.0 == HOSTED
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
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
            Some((SERVICE, account)) if !account.is_empty() => Ok(Some(Self::Keyring { account: account.to_owned() })),
            _ => Err(malformed(
                "must be keyring:terra-auth/NAME, as entries of other programs are not read; store the value with \
                 `terra-auth setup-environment --keyring`",
            )),
        }
    }

    /// Asks for the value. Waits up to 10 s for a command, and up to 1 s for the keyring.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`] says who did not answer, and never what.
    pub fn resolve(&self, audience: &Audience) -> Result<String, ReferenceError> {
        self.resolve_in(None, audience)
    }

    /// The same, where a command runs in the folder of the file that names it.
    pub(super) fn resolve_in(&self, folder: Option<&Path>, audience: &Audience) -> Result<String, ReferenceError> {
        match self {
            Self::Command(words) => command::first_line(words, folder, command::PATIENCE),
            Self::Keyring { account } => match keyring::get(&service(audience), account) {
                Err(ReferenceError::NotInKeyring { .. }) if keyring::get(SERVICE, account).is_ok() => {
                    Err(ReferenceError::Unbound {
                        entry: format!("{SERVICE}/{account}"),
                        audience: audience.to_string(),
                    })
                }
                answer => answer,
            },
        }
    }

    /// Puts a value where the reference points, within 1 s, to be sent to this audience only.
    ///
    /// # Errors
    ///
    /// [`ReferenceError::ReadOnly`] for a command, else what the keyring says.
    pub fn keep(&self, audience: &Audience, value: &str) -> Result<(), ReferenceError> {
        match self {
            Self::Command(_) => Err(ReferenceError::ReadOnly),
            Self::Keyring { account } => keyring::set(&service(audience), account, value),
        }
    }
}

/// The audience is part of the entry's name, and no file can choose it.
fn service(audience: &Audience) -> String {
    format!("{SERVICE}/{audience}")
}

/// As people may see it: of a command only the program, because an argument may be a secret.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(words) => write!(f, "command {}", words.first().map_or("", |program| program)),
            Self::Keyring { account } => write!(f, "keyring {SERVICE}/{account}"),
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
    /// The keyring has such an entry of an earlier version, which any address could have had.
    #[error(
        "the keyring's entry {entry} was stored by an earlier version, which did not bind it to {audience}; store it again \
         with `terra-auth setup-environment --keyring`, or set it again with `terra-auth keys rotate`"
    )]
    Unbound {
        /// Service and account.
        entry: String,
        /// Whom it would have been sent to.
        audience: String,
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
    use super::{Audience, Reference};

    fn read(value: &str) -> Option<Reference> {
        Reference::parse(value).unwrap()
    }

    #[test]
    fn a_value_is_a_secret_or_says_where_it_is() {
        assert_eq!(read("test-key-not-a-secret"), None);
        assert_eq!(read("Command:op"), None);
        let words = ["op", "read", "op://my vault/terra", ""].map(str::to_owned);
        assert_eq!(read("command: op read 'op://my vault/terra' \"\""), Some(Reference::Command(words.to_vec())));
        let entry = Reference::Keyring { account: "acme/api-key".to_owned() };
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
    fn an_entry_of_another_program_is_refused() {
        for value in ["keyring:gh:github.com/me", "keyring:terra-auth", "keyring:terra-auth/", "keyring:terra-auth2/a"]
        {
            let error = Reference::parse(value).unwrap_err().to_string();
            assert!(error.contains("entries of other programs are not read"), "{value}: {error}");
        }
    }

    #[test]
    fn an_entry_is_bound_to_whom_it_is_sent() {
        let audience =
            |api: &str, streaming: &str| Audience::of(&api.parse().unwrap(), &streaming.parse().unwrap()).to_string();
        let hosted = audience("https://api.tryterra.co/v2", "wss://ws.tryterra.co");
        assert_eq!(hosted, "tryterra.co");
        assert_eq!(audience("https://access.tryterra.co/v2", "wss://streaming.tryterra.co"), hosted);
        let own = "https://auth.acme.example:8443/v2";
        assert_eq!(audience(own, "wss://auth.acme.example:8443/"), "https://auth.acme.example:8443");
        assert_eq!(audience(own, "wss://elsewhere.example/"), "https://auth.acme.example:8443 wss://elsewhere.example");
        assert_eq!(
            audience("https://api.tryterra.co/v2", "wss://elsewhere.example"),
            "tryterra.co wss://elsewhere.example"
        );
        assert_ne!(audience("https://tryterra.co.evil.example", "wss://tryterra.co.evil.example"), hosted);
    }

    #[test]
    fn an_argument_is_not_shown() {
        let shown = read("command:get --token token-not-a-secret").unwrap().to_string();
        assert_eq!(shown, "command get");
        let audience = Audience("tryterra.co".to_owned());
        assert!(read("command:true").unwrap().keep(&audience, "test-key-not-a-secret").is_err());
    }
}
