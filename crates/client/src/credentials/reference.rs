//! References to values that are stored outside the credential file.

mod command;
mod keyring;

use std::{fmt, io, path::Path};

use url::Url;

use super::hosts::BaseUrls;
use crate::hosted::is_hosted;

const COMMAND: &str = "command:";
const KEYRING: &str = "keyring:";
/// The keyring service of our entries. Entries of other programs are not read.
const SERVICE: &str = "terra-auth";

/// A reference to a secret that is stored outside the credential file.
///
/// ```text
/// TERRA_API_KEY='command:op read op://vault/terra/api-key'
/// TERRA_API_KEY=keyring:terra-auth/acme-testing-0000000000/api-key
/// ```
///
/// A command is split into words like in a shell, but no shell runs: there are no variables and no pipes. It gets no
/// standard input and has a timeout of 10 s. The first line of its output is the value.
///
/// The keyring is that of the operating system, behind the feature `keyring`, with a timeout of 1 s. Only entries of
/// terra-auth are read. Each entry is bound to its [`Audience`], so a file cannot send it to another server.
///
/// Every failure is an error: there is no fallback for the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reference {
    /// A program and its arguments. The list is never empty.
    Command(Vec<String>),
    /// An entry of the operating system's keyring.
    Keyring {
        /// The part after `terra-auth/`.
        account: String,
    },
}

/// The audience of keys for hosted Terra.
const HOSTED: &str = "tryterra.co";

/// The servers that a secret is sent to: the origin of the API, and the origin of the streaming socket if it is
/// not the default for the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audience(String);

impl Audience {
    /// Returns the audience of these two URLs. All hosts of Terra are one audience.
    #[must_use]
    pub fn of(api: &Url, streaming: &Url) -> Self {
        let name = |url: &Url| if is_hosted(url) { HOSTED.to_owned() } else { url.origin().ascii_serialization() };
        let beside = BaseUrls::defaults_for(api.clone()).streaming;
        let further = (name(streaming) != name(&beside)).then(|| format!(" {}", name(streaming)));
        Self(format!("{}{}", name(api), further.unwrap_or_default()))
    }
}

impl Audience {
    /// Whether Terra hosts all of its servers.
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
    /// Parses a value of a credential file. Returns `None` if it is the secret itself.
    ///
    /// # Errors
    ///
    /// [`ReferenceError::Malformed`] for a reference without a target.
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
                "must be keyring:terra-auth/NAME, because entries of other programs are not read; store the value with \
                 `terra-auth setup-environment --keyring`",
            )),
        }
    }

    /// Resolves the value. Waits up to 10 s for a command, and up to 1 s for the keyring.
    ///
    /// # Errors
    ///
    /// [`ReferenceError`] names the program or entry, and never contains a value.
    pub fn resolve(&self, audience: &Audience) -> Result<String, ReferenceError> {
        self.resolve_in(None, audience)
    }

    /// Like [`Reference::resolve`], but a command runs in `folder`, the folder of the file that names it.
    pub(super) fn resolve_in(&self, folder: Option<&Path>, audience: &Audience) -> Result<String, ReferenceError> {
        match self {
            Self::Command(words) => command::first_line(words, folder, command::COMMAND_TIMEOUT),
            Self::Keyring { account } => match keyring::get(&service(audience), account) {
                Err(ReferenceError::NotInKeyring { .. }) if keyring::get(SERVICE, account).is_ok() => {
                    Err(ReferenceError::NotBoundToAudience {
                        entry: format!("{SERVICE}/{account}"),
                        audience: audience.to_string(),
                    })
                }
                answer => answer,
            },
        }
    }

    /// Stores a value in the keyring, bound to this audience. Waits up to 1 s.
    ///
    /// # Errors
    ///
    /// [`ReferenceError::ReadOnly`] for a command, or an error of the keyring.
    pub fn store(&self, audience: &Audience, value: &str) -> Result<(), ReferenceError> {
        match self {
            Self::Command(_) => Err(ReferenceError::ReadOnly),
            Self::Keyring { account } => keyring::set(&service(audience), account, value),
        }
    }
}

/// Returns the keyring service. It contains the audience, which a file cannot choose.
fn service(audience: &Audience) -> String {
    format!("{SERVICE}/{audience}")
}

/// For people. Of a command, only the program is shown, because an argument may be a secret.
impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(words) => write!(f, "command {}", words.first().map_or("", |program| program)),
            Self::Keyring { account } => write!(f, "keyring {SERVICE}/{account}"),
        }
    }
}

/// The error of resolving a reference. It never contains the standard output of a program.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// The reference has no target.
    #[error("the reference {0}")]
    Malformed(&'static str),
    /// The program does not exist or cannot be executed.
    #[error("could not run {program}")]
    NotStarted {
        /// The first word of the command.
        program: String,
        /// The cause.
        source: io::Error,
    },
    /// The program exited with an error.
    #[error("{program} failed ({status}){hint}; run it manually to see why")]
    Failed {
        /// The first word of the command.
        program: String,
        /// The exit code or signal of the program.
        status: String,
        /// The last line of standard error, after a colon.
        hint: String,
    },
    /// The program exceeded the timeout and was killed.
    #[error("{program} did not answer within {seconds} s; run it manually: it may be waiting to be unlocked")]
    CommandTimeout {
        /// The first word of the command.
        program: String,
        /// The timeout.
        seconds: u64,
    },
    /// The first line is empty, too long, or not text.
    #[error("{program} returned no usable value: its first line must be the value")]
    UnusableOutput {
        /// The first word of the command.
        program: String,
    },
    /// A command cannot store a value.
    #[error("a command can only return a value; store it with the program itself")]
    ReadOnly,
    /// This build does not support the keyring.
    #[error("this program was built without keyring support; build it with the feature `keyring`, or use a command")]
    NoKeyring,
    /// The keyring exceeded the timeout.
    #[error("the keyring did not answer within 1 s; is it running and unlocked?")]
    KeyringTimeout,
    /// The keyring has no such entry.
    #[error("the keyring has no entry {entry}; write it with `terra-auth setup-environment --keyring`")]
    NotInKeyring {
        /// Service and account.
        entry: String,
    },
    /// The entry is from an earlier version, which did not bind it to an audience.
    #[error(
        "the keyring's entry {entry} was stored by an earlier version, which did not bind it to {audience}; store it again \
         with `terra-auth setup-environment --keyring`, or replace it with `terra-auth keys rotate`"
    )]
    NotBoundToAudience {
        /// Service and account.
        entry: String,
        /// The audience that it would have been sent to.
        audience: String,
    },
    /// The keyring is unavailable or locked, or rejects the access.
    #[error("the keyring cannot be used: {problem}")]
    KeyringFailed {
        /// The problem.
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
    fn a_value_is_a_secret_or_a_reference() {
        assert_eq!(read("test-key-not-a-secret"), None);
        assert_eq!(read("Command:op"), None);
        let words = ["op", "read", "op://my vault/terra", ""].map(str::to_owned);
        assert_eq!(read("command: op read 'op://my vault/terra' \"\""), Some(Reference::Command(words.to_vec())));
        let entry = Reference::Keyring { account: "acme/api-key".to_owned() };
        assert_eq!(read("keyring:terra-auth/acme/api-key"), Some(entry));
    }

    #[test]
    fn a_reference_without_a_target_is_rejected() {
        for value in ["command:", "command: ", "command:''", "command:op 'read", "keyring:", "keyring:a", "keyring:/b"]
        {
            assert!(Reference::parse(value).is_err(), "{value}");
        }
    }

    #[test]
    fn an_entry_of_another_program_is_rejected() {
        for value in ["keyring:gh:github.com/me", "keyring:terra-auth", "keyring:terra-auth/", "keyring:terra-auth2/a"]
        {
            let error = Reference::parse(value).unwrap_err().to_string();
            assert!(error.contains("entries of other programs are not read"), "{value}: {error}");
        }
    }

    #[test]
    fn an_audience_is_the_origin_of_the_servers() {
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
        assert!(read("command:true").unwrap().store(&audience, "test-key-not-a-secret").is_err());
    }
}
