//! The providers that a sandbox can simulate.

mod rules;
mod table;

use std::time::Duration;

use crate::digest::Digest;
pub use rules::{
    AccountIdField, GrantedScopes, Pkce, Portal, ResponseFormat, ReusePolicy, Revocation, Rotation, TokenEndpoints,
};

/// One provider: its appearance, its scopes, and the rules of its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProviderProfile {
    /// The provider's name in paths, lower case: `fitbit`. In upper case it is the name in the API.
    pub slug: &'static str,
    /// The name for people: `Fitbit`.
    pub display_name: &'static str,
    /// Accent color, `#rrggbb`, dark enough for white text (contrast 4.5 : 1).
    pub accent: &'static str,
    /// All scopes of the provider. A request without a scope requests all of them.
    pub scopes: &'static [Scope],
    /// Separates scopes in requests and responses.
    pub scope_separator: char,
    /// How the client gets the granted scopes.
    pub granted_scopes: GrantedScopes,
    /// How the client gets the account id.
    pub identity: AccountIdField,
    /// The effect of a refresh on the refresh token.
    pub rotation: Rotation,
    /// The lifetime of a refresh token; `None` means that it never expires.
    /// [`Sandbox::set_lifetimes`](crate::Sandbox::set_lifetimes) changes it.
    pub refresh_token_ttl: Option<Duration>,
    /// The scope that is required for a refresh token. A refresh that does not repeat the scope returns no new
    /// refresh token, so with single-use tokens it is the last refresh.
    pub offline_scope: Option<&'static str>,
    /// The endpoints that issue access tokens.
    pub token_endpoints: TokenEndpoints,
    /// Whether a login uses PKCE (RFC 7636).
    pub pkce: Pkce,
    /// The maximum number of active grants per user for the app. The code of one more grant is rejected.
    pub max_grants_per_user: Option<usize>,
    /// Additional parameters that each token call must have.
    pub token_params: &'static [(&'static str, &'static str)],
    /// The format of responses to the app's server.
    pub envelope: ResponseFormat,
    /// How the app revokes a grant.
    pub revocation: Revocation,
    /// Whether data calls require a registration of the account first: a `POST` of the app's `member-id` to the users
    /// endpoint.
    pub requires_registration: bool,
    /// Whether data calls also require [`SUBSCRIPTION_KEY`] in [`SUBSCRIPTION_KEY_HEADER`].
    pub requires_subscription_key: bool,
}

/// The subscription key of the app, for the data calls of a provider that requires one.
pub const SUBSCRIPTION_KEY: &str = "test-key-not-a-secret";
/// The header for [`SUBSCRIPTION_KEY`].
pub const SUBSCRIPTION_KEY_HEADER: &str = "ocp-apim-subscription-key";

/// A permission that a user can grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// The name in the protocol: `heartrate`.
    pub name: &'static str,
    /// The description for people: `Your heart rate`.
    pub description: &'static str,
}

/// Returns the profiles of all providers, ordered by slug.
#[must_use]
pub fn provider_profiles() -> &'static [ProviderProfile] {
    &[
        ProviderProfile::COROS,
        ProviderProfile::DEXCOM,
        ProviderProfile::FITBIT,
        ProviderProfile::GARMIN,
        ProviderProfile::GOOGLE,
        ProviderProfile::OURA,
        ProviderProfile::POLAR,
        ProviderProfile::STRAVA,
        ProviderProfile::SUUNTO,
        ProviderProfile::ULTRAHUMAN,
        ProviderProfile::WAHOO,
        ProviderProfile::WHOOP,
        ProviderProfile::WITHINGS,
    ]
}

impl ProviderProfile {
    /// Returns the profile with exactly this slug.
    #[must_use]
    pub fn from_slug(slug: &str) -> Option<&'static Self> {
        provider_profiles().iter().find(|face| face.slug == slug)
    }

    /// Returns the provider's account id for the account name `name`. It is stable and ignores the case of the name.
    #[must_use]
    pub fn account_id(&self, name: &str) -> String {
        let name = name.trim().to_lowercase();
        hex::encode_upper(&Digest::of(&format!("{}/{name}", self.slug)).bytes()[..6])
    }

    pub(crate) fn scope(&self, name: &str) -> Option<&'static Scope> {
        self.scopes.iter().find(|scope| scope.name == name)
    }

    /// Parses a scope parameter. Returns `None` if it has a scope that the provider does not know, or no scope.
    pub(crate) fn parse_scopes(&self, text: &str) -> Option<Vec<&'static Scope>> {
        let names = text.split(self.scope_separator).map(str::trim).filter(|name| !name.is_empty());
        let scopes = names.map(|name| self.scope(name)).collect::<Option<Vec<_>>>()?;
        (!scopes.is_empty()).then_some(scopes)
    }

    pub(crate) fn format_scopes(&self, scopes: &[&Scope]) -> String {
        let names: Vec<_> = scopes.iter().map(|scope| scope.name).collect();
        names.join(self.scope_separator.encode_utf8(&mut [0; 4]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_text_is_readable_on_every_accent() {
        for face in provider_profiles() {
            let contrast = 1.05 / (luminance(face.accent) + 0.05);
            assert!(contrast >= 4.5, "{} has only {contrast:.2} : 1", face.slug);
        }
    }

    /// Relative luminance as defined by WCAG 2.2, 0 to 1.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    #[test]
    fn scopes_are_parsed_and_formatted_with_the_separator_of_the_provider() {
        let scopes = ProviderProfile::STRAVA.parse_scopes("read,activity:read_all").unwrap();

        assert_eq!(ProviderProfile::STRAVA.format_scopes(&scopes), "read,activity:read_all");
        assert_eq!(ProviderProfile::STRAVA.parse_scopes("read activity:read_all"), None);
        assert_eq!(ProviderProfile::FITBIT.parse_scopes("sleep root"), None);
        assert_eq!(ProviderProfile::FITBIT.parse_scopes("  "), None);
    }

    #[test]
    fn an_account_id_depends_on_the_provider_and_the_name_but_not_on_its_case() {
        assert_eq!(ProviderProfile::FITBIT.account_id("demo"), ProviderProfile::FITBIT.account_id(" Demo "));
        assert_ne!(ProviderProfile::FITBIT.account_id("demo"), ProviderProfile::FITBIT.account_id("alice"));
        assert_ne!(ProviderProfile::FITBIT.account_id("demo"), ProviderProfile::OURA.account_id("demo"));
    }
}
