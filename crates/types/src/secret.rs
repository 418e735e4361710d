use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// Access to the text of a secret.
pub(crate) trait Expose {
    fn text(&self) -> &str;
}

/// Serializes the text of a secret, for the one response that shows it: `#[serde(serialize_with = "shown_once")]`.
pub(crate) fn shown_once<S: Serializer>(secret: &impl Expose, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.text())
}

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Deserialize)]
        #[serde(transparent)]
        pub struct $name(SecretString);

        impl $name {
            /// Returns the text. No other method does.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        impl Expose for $name {
            fn text(&self) -> &str {
                self.expose()
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
    };
}
secret!(
    /// The secret half of an environment's keys, in plain text. The server stores only its digest.
    ApiKey
);
secret!(
    /// The key that signs an environment's webhooks. Its UTF-8 bytes, not decoded, are the HMAC key.
    SigningSecret
);
secret!(
    /// Lets a mobile app create one connection within 180 s.
    MobileToken
);
secret!(
    /// Opens one streaming socket; sent in its IDENTIFY frame.
    StreamingToken
);

secret!(
    /// Authenticates an operator to a server's admin API.
    AdminToken
);

secret!(
    /// A provider's token for one account, in transit from one system to another.
    ProviderToken
);

secret!(
    /// The secret of an operator's app at a provider, or another secret value that its calls send.
    ClientSecret
);

/// Serializes a token in plain text: responses return these to their owner.
macro_rules! serialize_in_plain_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.expose())
            }
        }
    };
}
serialize_in_plain_text!(MobileToken);
serialize_in_plain_text!(StreamingToken);
serialize_in_plain_text!(ProviderToken);

#[cfg(test)]
mod tests {
    use super::{ApiKey, MobileToken};

    #[test]
    fn a_secret_is_never_printed() {
        let (key, token) = (ApiKey::from("test-key-not-a-secret"), MobileToken::from("token-not-a-secret"));
        assert!(!format!("{key:?} {token:#?}").contains("not-a-secret"));
    }
}
