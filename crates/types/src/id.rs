use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The text is not a valid id of this kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {0}")]
pub struct InvalidId(&'static str);

/// Identifies one environment of one developer, like a user name; not secret.
///
/// Shape: 1 to 128 visible ASCII characters, because it is sent in a header.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct DevId(Arc<str>);

impl DevId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DevId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if fits { Ok(Self(text.into())) } else { Err(InvalidId("dev-id")) }
    }
}

/// The app's own id for an end user. Not unique: one end user may have several connections.
///
/// Shape: 1 to 512 bytes of text without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ReferenceId(String);

impl ReferenceId {
    /// The id as the app gave it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ReferenceId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let fits = (1..=512).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidId("reference_id")) }
    }
}

macro_rules! text_id {
    ($name:ident) => {
        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
text_id!(DevId);
text_id!(ReferenceId);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $wire:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Uuid::try_parse(text).map(Self).map_err(|_| InvalidId($wire))
            }
        }
    };
}
uuid_id!(
    /// Identifies a connection of one end user at one provider; the API calls it a user.
    UserId, "user_id"
);
uuid_id!(
    /// Identifies a widget session. The id is not a secret: the session's URL contains a separate secret.
    SessionId, "session_id"
);
uuid_id!(
    /// Identifies a webhook destination of an environment.
    DestinationId, "destination id"
);
uuid_id!(
    /// Identifies an API key without revealing anything about it.
    KeyId, "key id"
);
uuid_id!(
    /// Identifies an event. Ids sort by the time at which the event was created, or received by a gateway. A server sends the id
    /// as `X-Terra-Trace-Id`; it is the same in all attempts and at all destinations.
    EventId, "event id"
);
uuid_id!(
    /// The gateway's id for a connection of hosted Terra or another server. It stays the same when the user
    /// id changes.
    ConnectionId, "connection id"
);

#[cfg(test)]
mod tests {
    use super::{DevId, InvalidId, ReferenceId, UserId};

    #[test]
    fn a_dev_id_fits_into_a_header() {
        assert!("acme-testing-0000000000".parse::<DevId>().is_ok());
        for bad in ["", "two words", "line\nbreak", "schlüssel", &"x".repeat(129)] {
            assert_eq!(bad.parse::<DevId>(), Err(InvalidId("dev-id")), "{bad:?}");
        }
    }

    #[test]
    fn a_reference_id_is_bounded_text() {
        assert!("user@example.com".parse::<ReferenceId>().is_ok());
        assert!("ユーザー 1".parse::<ReferenceId>().is_ok());
        for bad in ["", "a\0b", &"x".repeat(513)] {
            assert_eq!(bad.parse::<ReferenceId>(), Err(InvalidId("reference_id")));
        }
    }

    #[test]
    fn a_user_id_is_a_uuid_in_any_case() {
        let id: UserId = "23DC2540-7139-44C6-8158-F81196E2CF2E".parse().unwrap();
        assert_eq!(id.to_string(), "23dc2540-7139-44c6-8158-f81196e2cf2e");
        assert!("42".parse::<UserId>().is_err());
    }
}
