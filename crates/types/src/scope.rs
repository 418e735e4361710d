use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A permission of an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// Create widget sessions, login links and tokens.
    AuthWrite,
    /// Read users.
    ConnectionsRead,
    /// Deauthenticate users.
    ConnectionsWrite,
    /// List the providers that the environment offers.
    ProvidersRead,
    /// Change the webhook destination.
    WebhooksWrite,
    /// Request the access tokens that providers issued for users, to call the providers with.
    AccessTokensRead,
}

/// The name of the scope is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown scope: {0}; use auth:write, connections:read, connections:write, providers:read, webhooks:write or access-tokens:read"
)]
pub struct UnknownScope(String);

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 6] = [
        Self::AuthWrite,
        Self::ConnectionsRead,
        Self::ConnectionsWrite,
        Self::ProvidersRead,
        Self::WebhooksWrite,
        Self::AccessTokensRead,
    ];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthWrite => "auth:write",
            Self::ConnectionsRead => "connections:read",
            Self::ConnectionsWrite => "connections:write",
            Self::ProvidersRead => "providers:read",
            Self::WebhooksWrite => "webhooks:write",
            Self::AccessTokensRead => "access-tokens:read",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, UnknownScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or_else(|| UnknownScope(name.to_owned()))
    }
}

/// A set of scopes. On the wire it is a list of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// The default scopes of a key: all except `access-tokens:read`, which Terra's API does not have.
    pub const DEFAULT: Self = Self(0b1_1111);

    /// Whether a scope is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & (1 << scope as u8) != 0
    }

    /// The scopes of the set, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |set, scope| set | 1 << scope as u8))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(Scope::as_str))
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let names = Vec::<String>::deserialize(deserializer)?;
        names.iter().map(|name| name.parse::<Scope>()).collect::<Result<_, _>>().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::{Scope, Scopes};

    #[test]
    fn a_set_is_a_list_of_names_on_the_wire() {
        let some: Scopes = [Scope::ConnectionsRead, Scope::AuthWrite].into_iter().collect();
        assert_eq!(serde_json::to_string(&some).unwrap(), r#"["auth:write","connections:read"]"#);
        for set in [some, Scopes::DEFAULT, Scope::ALL.into_iter().collect(), Scopes::from_iter([])] {
            assert_eq!(serde_json::from_str::<Scopes>(&serde_json::to_string(&set).unwrap()).unwrap(), set);
        }
        assert!(some.contains(Scope::AuthWrite) && !some.contains(Scope::ConnectionsWrite));
        let usual = Scope::ALL.into_iter().filter(|scope| *scope != Scope::AccessTokensRead);
        assert_eq!(Scopes::DEFAULT, usual.collect());
        assert!(serde_json::from_str::<Scopes>(r#"["data:read"]"#).is_err());
    }
}
