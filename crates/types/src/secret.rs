use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A secret whose text can be had.
pub(crate) trait Expose {
    fn text(&self) -> &str;
}

/// For the one answer that shows a secret: `#[serde(serialize_with = "shown_once")]`.
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
            /// The text itself: the only way to it.
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
    /// The secret half of an environment's keys, as the caller holds it. The server keeps only its digest.
    ApiKey
);
secret!(
    /// The key that signs an environment's webhooks. Its UTF-8 bytes are the HMAC key, not decoded.
    SigningSecret
);
secret!(
    /// Opens one connection from a mobile app within 180 s.
    MobileToken
);
secret!(
    /// Opens one streaming socket; to be presented in its IDENTIFY frame.
    StreamingToken
);

secret!(
    /// Lets an operator administer a server.
    AdminToken
);

secret!(
    /// A provider's token for one account, on its way from one system to another.
    ProviderToken
);

secret!(
    /// What an operator's app proves itself with at a provider, or another value that goes along with its calls.
    ClientSecret
);

/// Answers carry these to their rightful holder.
macro_rules! sent {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.expose())
            }
        }
    };
}
sent!(MobileToken);
sent!(StreamingToken);
sent!(ProviderToken);

#[cfg(test)]
mod tests {
    use super::{ApiKey, MobileToken};

    #[test]
    fn a_secret_is_never_printed() {
        let (key, token) = (ApiKey::from("test-key-not-a-secret"), MobileToken::from("token-not-a-secret"));
        assert!(!format!("{key:?} {token:#?}").contains("not-a-secret"));
    }
}
