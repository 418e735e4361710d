//! Notifications that a provider posts. They are not authenticated, so they are hints, never facts.

/// The content of a provider's notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderNotification {
    /// The provider's ids of the accounts that revoked access; empty if the notification is about something else.
    pub accounts: Vec<String>,
    /// The HTTP status that the provider expects as the response.
    pub status: u16,
}

/// The response to a provider that verifies the notification endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SubscriptionChallenge {
    /// The token is right: send this text of the provider back under this field name.
    Echo(&'static str, String),
    /// The token is right.
    Accepted,
    /// The token is wrong.
    WrongToken,
}
