//! What a provider posts of its own accord. Anybody can post the like, so it is a hint and never a fact.

/// Whom a provider's notice is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The accounts that took access back, by the provider's own ids; none if it is about something else.
    pub accounts: Vec<String>,
    /// The HTTP status that the provider takes for an answer.
    pub status: u16,
}

/// The answer to a provider that asks whether its notices are wanted here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Greeting {
    /// They are, and this text of the provider's goes back under this name.
    Echo(&'static str, String),
    /// They are.
    Welcome,
    /// It does not know the token that was agreed upon.
    Stranger,
}
