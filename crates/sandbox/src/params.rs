//! The parameters of a request, with the rules of RFC 6749, section 3.1.

use url::form_urlencoded;

/// Name and value pairs from a query or a form body.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

/// A parameter appears more than once.
#[derive(Debug, thiserror::Error)]
#[error("the parameter {0} appears more than once")]
pub(crate) struct RepeatedParameter(pub(crate) &'static str);

impl Params {
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// Returns the value of a parameter that may appear once. An empty value counts as absent.
    pub(crate) fn at_most_one(&self, name: &'static str) -> Result<Option<&str>, RepeatedParameter> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(RepeatedParameter(name)),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// Returns all values of a parameter that may be repeated, such as a checkbox.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
