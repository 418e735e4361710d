//! The providers a sandbox can look like.

mod rules;
mod table;

use std::time::Duration;

pub use rules::{Envelope, GrantedScopes, Identity, Pkce, Portal, Revocation, Rotation, SecondUse, TokenEndpoints};

use crate::digest::Digest;

/// One provider: how it looks, what it can grant, and what its tokens are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face {
    /// Names the face in paths, lower case: `fitbit`. Its upper case is the provider's name in the API.
    pub slug: &'static str,
    /// As a person reads it: `Fitbit`.
    pub display_name: &'static str,
    /// `#rrggbb`, dark enough for white text (4.5 : 1).
    pub accent: &'static str,
    /// Everything it can grant; a request without a scope asks for all of it.
    pub scopes: &'static [Scope],
    /// Stands between two scopes in a request and in an answer.
    pub scope_separator: char,
    /// Where the client learns what was granted.
    pub granted_scopes: GrantedScopes,
    /// Where the client learns whose account it is.
    pub identity: Identity,
    /// What a refresh does to the refresh token.
    pub rotation: Rotation,
    /// How long a refresh token lives; `None` is for ever. [`Sandbox::set_lifetimes`](crate::Sandbox::set_lifetimes) changes it.
    pub refresh_token_ttl: Option<Duration>,
    /// Who was not granted this scope gets no refresh token, and a refresh that does not repeat it brings none: with a
    /// single-use token that was the last refresh.
    pub offline_scope: Option<&'static str>,
    /// Where codes and refresh tokens become access tokens.
    pub token_endpoints: TokenEndpoints,
    /// Whether a login uses PKCE (RFC 7636).
    pub pkce: Pkce,
    /// So many live grants a person may have given to the app; a code for one more is refused.
    pub most_grants: Option<usize>,
    /// What each token call must say besides.
    pub token_params: &'static [(&'static str, &'static str)],
    /// What is around an answer to the app's server.
    pub envelope: Envelope,
    /// How the app ends a grant.
    pub revocation: Revocation,
    /// There is no data before the app registers the account, with a `POST` of its `member-id` to the users endpoint.
    pub registration: bool,
    /// Data calls need [`SUBSCRIPTION_KEY`] in [`SUBSCRIPTION_KEY_HEADER`], too.
    pub subscription_key: bool,
}

/// What an app that is subscribed sends with each data call, where a face wants it.
pub const SUBSCRIPTION_KEY: &str = "test-key-not-a-secret";

/// The header for [`SUBSCRIPTION_KEY`].
pub const SUBSCRIPTION_KEY_HEADER: &str = "ocp-apim-subscription-key";

/// A permission that a person can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// As the protocol writes it: `heartrate`.
    pub name: &'static str,
    /// As a person reads it: `Your heart rate`.
    pub description: &'static str,
}

/// All of them, in the order of their slugs.
#[must_use]
pub fn faces() -> &'static [Face] {
    &[
        Face::COROS,
        Face::DEXCOM,
        Face::FITBIT,
        Face::GARMIN,
        Face::GOOGLE,
        Face::OURA,
        Face::POLAR,
        Face::STRAVA,
        Face::SUUNTO,
        Face::ULTRAHUMAN,
        Face::WAHOO,
        Face::WHOOP,
        Face::WITHINGS,
    ]
}

impl Face {
    /// The face with exactly this slug.
    #[must_use]
    pub fn of_slug(slug: &str) -> Option<&'static Self> {
        faces().iter().find(|face| face.slug == slug)
    }

    /// The external id of the account that a person opens by typing `name`: the same for the same name, whatever its case.
    #[must_use]
    pub fn account_id(&self, name: &str) -> String {
        let name = name.trim().to_lowercase();
        hex::encode_upper(&Digest::of(&format!("{}/{name}", self.slug)).bytes()[..6])
    }

    pub(crate) fn scope(&self, name: &str) -> Option<&'static Scope> {
        self.scopes.iter().find(|scope| scope.name == name)
    }

    /// Reads a scope parameter; `None` if it names a scope that this face does not have, or no scope at all.
    pub(crate) fn parse_scopes(&self, text: &str) -> Option<Vec<&'static Scope>> {
        let names = text.split(self.scope_separator).map(str::trim).filter(|name| !name.is_empty());
        let scopes = names.map(|name| self.scope(name)).collect::<Option<Vec<_>>>()?;
        (!scopes.is_empty()).then_some(scopes)
    }

    pub(crate) fn write_scopes(&self, scopes: &[&Scope]) -> String {
        let names: Vec<_> = scopes.iter().map(|scope| scope.name).collect();
        names.join(self.scope_separator.encode_utf8(&mut [0; 4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_text_is_readable_on_every_accent() {
        for face in faces() {
            let contrast = 1.05 / (luminance(face.accent) + 0.05);
            assert!(contrast >= 4.5, "{} has only {contrast:.2} : 1", face.slug);
        }
    }

    /// Relative luminance as WCAG 2.2 defines it, 0 to 1.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn scopes_are_read_and_written_with_the_separator_of_the_face() {
        let scopes = Face::STRAVA.parse_scopes("read,activity:read_all").unwrap();

        assert_eq!(Face::STRAVA.write_scopes(&scopes), "read,activity:read_all");
        assert_eq!(Face::STRAVA.parse_scopes("read activity:read_all"), None);
        assert_eq!(Face::FITBIT.parse_scopes("sleep root"), None);
        assert_eq!(Face::FITBIT.parse_scopes("  "), None);
    }

    #[test]
    fn an_account_id_depends_on_the_face_and_on_the_name_but_not_on_its_case() {
        assert_eq!(Face::FITBIT.account_id("demo"), Face::FITBIT.account_id(" Demo "));
        assert_ne!(Face::FITBIT.account_id("demo"), Face::FITBIT.account_id("alice"));
        assert_ne!(Face::FITBIT.account_id("demo"), Face::OURA.account_id("demo"));
    }
}
