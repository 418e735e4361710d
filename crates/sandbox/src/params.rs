//! The parameters of a request, with the rules of RFC 6749, section 3.1.

use url::form_urlencoded;

/// Name and value pairs from a query or a form body.
#[derive(Debug)]
pub(crate) struct Params(Vec<(String, String)>);

/// The parameter is there more than once.
#[derive(Debug, thiserror::Error)]
#[error("the parameter {0} is there more than once")]
pub(crate) struct Repeated(pub(crate) &'static str);

impl Params {
    pub(crate) fn parse(encoded: &[u8]) -> Self {
        Self(form_urlencoded::parse(encoded).into_owned().collect())
    }

    /// The value of a parameter that may be there once; an empty one counts as left out.
    pub(crate) fn one(&self, name: &'static str) -> Result<Option<&str>, Repeated> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(Repeated(name)),
            (value, None) => Ok(value.filter(|value| !value.is_empty())),
        }
    }

    /// All values of a parameter that may be there many times, like a ticked box.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}
