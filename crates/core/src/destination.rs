//! Webhook destinations of an environment: list, create, change, delete.

use async_trait::async_trait;
use terra_auth_model::{
    destination::Destination,
    store::{Tx, Unit},
    unit,
};
use terra_auth_types::{
    DestinationId, DevId,
    wire::{
        Event,
        admin::{AdminDestination, ChangeDestination, CreateDestination, Role},
    },
};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction, check_name, check_url},
    auth::Auth,
    environment::locked_environment,
};

/// The maximum number of destinations of an environment.
const MAX_DESTINATIONS: usize = 20;
const UNKNOWN_DESTINATION: AdminError = AdminError::NotFound("no such destination");

impl Auth {
    /// Lists the destinations of an environment, oldest first.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_destinations(&self, dev_id: &DevId) -> Result<Vec<AdminDestination>, AdminError> {
        self.require_environment(dev_id)?;
        let destinations = self.store().read(ReadDestinations { dev_id: dev_id.clone() }).await?;
        Ok(destinations.into_iter().map(Destination::into_wire).collect())
    }

    /// Creates an enabled destination. It receives the events that happen from now on.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_destination(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        new: CreateDestination,
    ) -> Result<AdminDestination, AdminError> {
        let destination_id = self.new_destination_id();
        let target = destination_id.to_string();
        let act = AuditedAction { action: "destination.create", dev_id: Some(dev_id), target: &target };
        self.permit(admin, Role::Operator, &act).await?;
        let CreateDestination { url, event_types, description } = new;
        let first = Destination::new(destination_id, dev_id, url, self.now());
        let destination = Destination { event_types, description, ..first };
        check(&destination)?;
        let created = self.administer(admin, &act, AddDestination { destination }).await?;
        Ok(created.into_wire())
    }

    /// Changes a destination. An absent field does not change. Waiting deliveries use the new URL.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn change_destination(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        destination_id: DestinationId,
        change: ChangeDestination,
    ) -> Result<AdminDestination, AdminError> {
        let target = destination_id.to_string();
        let action = match change.enabled {
            Some(true) => "destination.enable",
            Some(false) => "destination.disable",
            None => "destination.change",
        };
        let act = AuditedAction { action, dev_id: Some(dev_id), target: &target };
        self.permit(admin, Role::Operator, &act).await?;
        let unit = UpdateDestination { dev_id: dev_id.clone(), destination_id, change };
        let changed = self.administer(admin, &act, unit).await?;
        self.outbox().notify_one();
        Ok(changed.into_wire())
    }

    /// Deletes a destination with its deliveries. The events stay.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn delete_destination(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        destination_id: DestinationId,
    ) -> Result<(), AdminError> {
        let target = destination_id.to_string();
        let act = AuditedAction { action: "destination.delete", dev_id: Some(dev_id), target: &target };
        self.permit(admin, Role::Operator, &act).await?;
        self.administer(admin, &act, RemoveDestination { dev_id: dev_id.clone(), destination_id }).await
    }
}

fn check(destination: &Destination) -> Result<(), AdminError> {
    check_url(&destination.url)?;
    if let Some(description) = &destination.description {
        check_name(description).map_err(|_| AdminError::Invalid("description: 1 to 100 bytes of text"))?;
    }
    let known = |types: &Vec<String>| {
        (1..=Event::TYPES.len()).contains(&types.len())
            && types.iter().all(|kind| Event::TYPES.contains(&kind.as_str()))
    };
    if destination.event_types.as_ref().is_none_or(known) {
        Ok(())
    } else {
        Err(AdminError::Invalid("event_types: at least one type such as auth, or null for all types"))
    }
}

unit!(ReadDestinations(dev_id: DevId) -> Vec<Destination> = |tx| tx.destinations_of(dev_id));

struct AddDestination {
    destination: Destination,
}

#[async_trait]
impl Unit for AddDestination {
    type Done = Destination;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Destination, AdminError> {
        let developer = locked_environment(tx, &self.destination.dev_id).await?;
        if tx.destinations_of(&developer.dev_id).await?.len() >= MAX_DESTINATIONS {
            return Err(AdminError::TooMany("the environment has 20 destinations; delete one first"));
        }
        tx.add_destination(&self.destination).await?;
        Ok(self.destination.clone())
    }
}

struct UpdateDestination {
    dev_id: DevId,
    destination_id: DestinationId,
    change: ChangeDestination,
}

#[async_trait]
impl Unit for UpdateDestination {
    type Done = Destination;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Destination, AdminError> {
        locked_environment(tx, &self.dev_id).await?;
        let mut destination = find(tx, &self.dev_id, self.destination_id).await?;
        destination.change(&self.change);
        check(&destination)?;
        tx.update_destination(&destination).await?;
        Ok(destination)
    }
}

struct RemoveDestination {
    dev_id: DevId,
    destination_id: DestinationId,
}

#[async_trait]
impl Unit for RemoveDestination {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        locked_environment(tx, &self.dev_id).await?;
        find(tx, &self.dev_id, self.destination_id).await?;
        tx.remove_destination(self.destination_id).await?;
        Ok(())
    }
}

async fn find(tx: &mut dyn Tx, dev_id: &DevId, destination_id: DestinationId) -> Result<Destination, AdminError> {
    let found = tx.destination(destination_id).await?.filter(|destination| destination.dev_id == *dev_id);
    found.ok_or(UNKNOWN_DESTINATION)
}
