use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// One of the three environments of an app. Each has its own dev-id, API key and signing secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// For development; at most 50 connected users.
    #[default]
    Testing,
    /// For tests before a release; at most 50 connected users.
    Staging,
    /// For end users; no user limit.
    Production,
}

/// The name is none of `testing`, `staging`, `production`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown environment: {0}; use testing, staging or production")]
pub struct UnknownEnvironment(String);

impl Environment {
    /// All three, in the order of promotion.
    pub const ALL: [Self; 3] = [Self::Testing, Self::Staging, Self::Production];

    /// The name in file names and flags.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Testing => "testing",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }

    /// The default limit of connected users; `None` means no limit.
    ///
    /// Source: "Test and staging user limit" in `docs/compatibility.md`.
    #[must_use]
    pub const fn default_user_limit(self) -> Option<u32> {
        match self {
            Self::Testing | Self::Staging => Some(50),
            Self::Production => None,
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Environment {
    type Err = UnknownEnvironment;

    fn from_str(name: &str) -> Result<Self, UnknownEnvironment> {
        Self::ALL
            .into_iter()
            .find(|environment| environment.as_str() == name)
            .ok_or_else(|| UnknownEnvironment(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::Environment;

    #[test]
    fn every_name_is_read_back() {
        for environment in Environment::ALL {
            assert_eq!(environment.to_string().parse(), Ok(environment));
        }
    }

    #[test]
    fn the_error_for_an_unknown_name_lists_the_three_names() {
        let error = "prod".parse::<Environment>().unwrap_err();
        assert_eq!(error.to_string(), "unknown environment: prod; use testing, staging or production");
    }
}
