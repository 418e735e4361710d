//! Webhook destinations: the URLs to which the events of an environment are posted.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DestinationId, DevId,
    wire::admin::{AdminDestination, ChangeDestination},
};
use url::Url;

use crate::store_error::StoreError;

/// A stored destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The id.
    pub destination_id: DestinationId,
    /// The environment.
    pub dev_id: DevId,
    /// The URL.
    pub url: Url,
    /// The event types that are sent; `None` is all.
    pub event_types: Option<Vec<String>>,
    /// A description for people.
    pub description: Option<String>,
    /// Whether events are sent.
    pub enabled: bool,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Destination {
    /// Creates an enabled destination for all events.
    #[must_use]
    pub fn new(destination_id: DestinationId, dev_id: &DevId, url: Url, now: Timestamp) -> Self {
        Self {
            destination_id,
            dev_id: dev_id.clone(),
            url,
            event_types: None,
            description: None,
            enabled: true,
            created_at: now,
        }
    }

    /// The destination as operators see it.
    #[must_use]
    pub fn into_wire(self) -> AdminDestination {
        let Self { destination_id, dev_id: _, url, event_types, description, enabled, created_at } = self;
        AdminDestination { destination_id, url, event_types, description, enabled, created_at }
    }

    /// Applies changes. An absent field does not change.
    pub fn change(&mut self, change: &ChangeDestination) {
        let ChangeDestination { url, event_types, description, enabled } = change.clone();
        self.url = url.unwrap_or_else(|| self.url.clone());
        self.event_types = event_types.unwrap_or_else(|| self.event_types.clone());
        self.description = description.unwrap_or_else(|| self.description.clone());
        self.enabled = enabled.unwrap_or(self.enabled);
    }

    /// Whether the destination receives events of a type.
    #[must_use]
    pub fn accepts(&self, kind: &str) -> bool {
        self.enabled && self.event_types.as_ref().is_none_or(|types| types.iter().any(|name| name == kind))
    }
}

/// The verbs for destinations.
#[async_trait]
pub trait Destinations: Send {
    /// Adds a destination.
    async fn add_destination(&mut self, destination: &Destination) -> Result<(), StoreError>;

    /// Replaces a destination, all but its id, environment and creation. Returns whether it exists.
    async fn update_destination(&mut self, destination: &Destination) -> Result<bool, StoreError>;

    /// Deletes a destination with its deliveries. Returns whether it existed.
    async fn remove_destination(&mut self, destination_id: DestinationId) -> Result<bool, StoreError>;

    /// One destination.
    async fn destination(&mut self, destination_id: DestinationId) -> Result<Option<Destination>, StoreError>;

    /// All destinations.
    async fn destinations(&mut self) -> Result<Vec<Destination>, StoreError>;

    /// The destinations of an environment, oldest first.
    async fn destinations_of(&mut self, dev_id: &DevId) -> Result<Vec<Destination>, StoreError>;
}
