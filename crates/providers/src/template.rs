//! Texts of a recipe with placeholders for values of a connection.

use serde::Deserialize;
use url::{Url, form_urlencoded::byte_serialize};

use crate::field::{Endpoint, FieldError};

/// The values of a template's placeholders.
#[derive(Clone, Copy, Default)]
pub(crate) struct Values<'a> {
    /// `{account}`: the provider's own id for the account.
    pub(crate) account: Option<&'a str>,
    /// `{reference_id}`: the app's own id for the end user.
    pub(crate) reference_id: Option<&'a str>,
    /// `{client_id}`: the app's id at the provider.
    pub(crate) client_id: Option<&'a str>,
}

/// A text such as `terra-{account}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Template(Vec<Part>);

/// A URL such as `https://acme.example/users/{account}`.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct UrlTemplate(Template);

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Account,
    ReferenceId,
    ClientId,
}

impl Template {
    /// `None` if a value is missing.
    pub(crate) fn fill(&self, values: Values<'_>) -> Option<String> {
        self.fill_with(values, |value| Some(value.to_owned()))
    }

    fn fill_with(&self, values: Values<'_>, written: impl Fn(&str) -> Option<String>) -> Option<String> {
        let part = |part: &Part| match part {
            Part::Text(text) => Some(text.clone()),
            Part::Account => written(values.account?),
            Part::ReferenceId => written(values.reference_id?),
            Part::ClientId => written(values.client_id?),
        };
        self.0.iter().map(part).collect()
    }
}

impl UrlTemplate {
    /// `None` if a value is missing, or is a dot segment. A value cannot change the structure: all characters except letters and
    /// digits are encoded.
    pub(crate) fn fill(&self, values: Values<'_>) -> Option<Url> {
        let text = self.0.fill_with(values, |value| {
            let encoded = byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20");
            (!matches!(value, "." | "..")).then_some(encoded)
        });
        text?.parse().ok()
    }
}

impl TryFrom<String> for Template {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        let mut parts = Vec::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(FieldError::Placeholder)?;
            parts.extend([Part::Text(before.to_owned()), Part::named(name)?]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }
}

impl Part {
    fn named(name: &str) -> Result<Self, FieldError> {
        match name {
            "account" => Ok(Self::Account),
            "reference_id" => Ok(Self::ReferenceId),
            "client_id" => Ok(Self::ClientId),
            _ => Err(FieldError::Placeholder),
        }
    }
}

impl TryFrom<String> for UrlTemplate {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, FieldError> {
        let template = Template::try_from(text)?;
        let example = |value| {
            let values = Values { account: Some(value), reference_id: Some(value), client_id: Some(value) };
            Endpoint::try_from(template.fill(values).unwrap_or_default()).map(|endpoint| endpoint.0.origin())
        };
        if example("a")? == example("b")? { Ok(Self(template)) } else { Err(FieldError::Placeholder) }
    }
}

#[cfg(test)]
mod tests {
    use super::{Template, UrlTemplate, Values};

    fn url(text: &str) -> UrlTemplate {
        text.to_owned().try_into().unwrap()
    }

    #[test]
    fn a_value_stays_in_its_place() {
        let template = url("https://acme.example/users/{account}?app={client_id}");
        for (account, expected) in [
            ("7", "https://acme.example/users/7?app=a%26b"),
            ("a/b?c#d e", "https://acme.example/users/a%2Fb%3Fc%23d%20e?app=a%26b"),
        ] {
            let values = Values { account: Some(account), client_id: Some("a&b"), ..Values::default() };
            assert_eq!(template.fill(values).unwrap().as_str(), expected);
        }
    }

    #[test]
    fn a_value_cannot_climb() {
        let template = url("https://acme.example/users/{account}");
        for account in [".", ".."] {
            assert_eq!(template.fill(Values { account: Some(account), ..Values::default() }), None, "{account}");
        }
    }

    #[test]
    fn a_value_cannot_name_the_host() {
        for text in ["https://{account}/", "https://{account}.acme.example/", "{account}://acme.example/"] {
            assert!(UrlTemplate::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_template_without_its_values_is_not_filled() {
        let template: Template = "user {reference_id}".to_owned().try_into().unwrap();
        assert_eq!(template.fill(Values::default()), None);
        let values = Values { reference_id: Some("é/1"), ..Values::default() };
        assert_eq!(template.fill(values).as_deref(), Some("user é/1"));
    }

    #[test]
    fn an_unknown_placeholder_is_rejected() {
        for text in ["{user}", "{account", "{}", "a{{account}}"] {
            assert!(Template::try_from(text.to_owned()).is_err(), "{text}");
        }
    }
}
