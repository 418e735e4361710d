//! The providers a sandbox can look like.

mod table;

use crate::digest::Digest;

/// One provider's look: what it is called, what it can grant and how it writes that down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Face {
    /// Names the face in paths, lower case: `fitbit`. Its upper case is the provider's name in the API.
    pub slug: &'static str,
    /// As a person reads it: `Fitbit`.
    pub display_name: &'static str,
    /// Everything it can grant; a request without a scope asks for all of it.
    pub scopes: &'static [Scope],
    /// Stands between two scopes in a request and in an answer.
    pub scope_separator: char,
    /// Where the client learns whose account it is.
    pub identity: Identity,
    /// `#rrggbb`, dark enough for white text (4.5 : 1).
    pub accent: &'static str,
}

/// A permission that a person can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    /// As the protocol writes it: `heartrate`.
    pub name: &'static str,
    /// As a person reads it: `Your heart rate`.
    pub description: &'static str,
}

/// Where the client learns whose account it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// `user_id` in the answer to an authorization code.
    TokenAnswer,
    /// `sub` at the userinfo endpoint, asked with the access token.
    Userinfo,
}

/// All of them, in the order of their slugs.
#[must_use]
pub fn faces() -> &'static [Face] {
    &[Face::FITBIT, Face::GARMIN, Face::GOOGLE, Face::OURA, Face::POLAR, Face::STRAVA, Face::WHOOP, Face::WITHINGS]
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
