use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

/// A source of data, such as `FITBIT`. Upper case on the wire; parsed in any case.
///
/// Shape: 1 to 64 letters, digits, `_` or `-`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Provider(Arc<str>);

/// The text is not a valid provider name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid provider name")]
pub struct InvalidProvider;

impl Provider {
    /// The name on the wire: upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name in a path segment: lower case.
    #[must_use]
    pub fn slug(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for Provider {
    type Err = InvalidProvider;

    fn from_str(text: &str) -> Result<Self, InvalidProvider> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(known);
        if fits { Ok(Self(text.to_ascii_uppercase().into())) } else { Err(InvalidProvider) }
    }
}

impl TryFrom<String> for Provider {
    type Error = InvalidProvider;

    fn try_from(text: String) -> Result<Self, InvalidProvider> {
        text.parse()
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{InvalidProvider, Provider};

    #[test]
    fn case_does_not_matter() {
        let provider: Provider = "Fitbit".parse().unwrap();
        assert_eq!((provider.as_str(), provider.slug().as_str()), ("FITBIT", "fitbit"));
    }

    #[test]
    fn a_name_cannot_contain_a_path() {
        for bad in ["", "../etc", "a b", "FITBIT,GARMIN"] {
            assert_eq!(bad.parse::<Provider>(), Err(InvalidProvider));
        }
    }
}
