//! Lists, changes and deletes environments.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_model::{
    destination::Destination,
    developer::{Developer, EnvironmentStatus},
    store::{Tx, Unit},
    store_error::StoreError,
};
use terra_auth_types::{
    DestinationId, DevId, Provider, redirect,
    wire::admin::{AdminEnvironment, ChangeEnvironment, EnvironmentContents, Role},
};
use url::Url;

use crate::admin::action::{check_name, check_url};
pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    auth::Auth,
    revocation::{RemovalReason, remove_connection},
};

/// How many connections one unit of work removes.
const BATCH_SIZE: u32 = 500;
/// The maximum number of entries in a redirect allow-list.
const MAX_REDIRECTS: usize = 100;

impl Auth {
    /// Lists all environments that are not being deleted.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_environments(&self) -> Result<Vec<AdminEnvironment>, AdminError> {
        Ok(self.store().read(ReadEnvironments(None)).await?)
    }

    /// Returns one environment.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn environment(&self, dev_id: &DevId) -> Result<AdminEnvironment, AdminError> {
        let mut found = self.store().read(ReadEnvironments(Some(dev_id.clone()))).await?;
        found.pop().ok_or(AdminError::UnknownEnvironment)
    }

    /// Changes an environment's settings. An absent field does not change.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn change_environment(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        change: &ChangeEnvironment,
    ) -> Result<AdminEnvironment, AdminError> {
        let action = match change.active {
            Some(true) => "environment.enable",
            Some(false) => "environment.disable",
            None => "environment.change",
        };
        let act = AuditedAction { action, dev_id: Some(dev_id), target: "" };
        self.permit(admin, Role::Operator, &act).await?;
        self.check_change(change)?;
        let change_developer = ChangeDeveloper {
            dev_id: dev_id.clone(),
            change: change.clone(),
            destination_id: self.new_destination_id(),
            now: self.now(),
        };
        self.administer(admin, &act, change_developer).await?;
        self.environment(dev_id).await
    }

    /// Counts what a deletion of the environment would remove.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn environment_contents(&self, dev_id: &DevId) -> Result<EnvironmentContents, AdminError> {
        self.store().read(ReadContents { dev_id: dev_id.clone(), now: self.now() }).await
    }

    /// Deletes an environment and everything in it. Workers then revoke its users' grants at the providers.
    ///
    /// `confirmed` must equal [`Auth::environment_contents`], so an operator never deletes more than they saw.
    /// Otherwise the error contains the current counts. If a deletion is interrupted, another call continues it.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn delete_environment(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        confirmed: Option<EnvironmentContents>,
    ) -> Result<(), AdminError> {
        let act = AuditedAction { action: "environment.delete", dev_id: None, target: dev_id.as_str() };
        self.permit(admin, Role::Owner, &act).await?;
        let begin = BeginDeletion { dev_id: dev_id.clone(), confirmed, now: self.now() };
        self.administer(admin, &act, begin).await?;
        while !self
            .store()
            .run(RemoveConnections { auth: self.clone(), dev_id: dev_id.clone(), now: self.now() })
            .await?
        {}
        self.outbox().notify_one();
        Ok(())
    }

    fn check_change(&self, change: &ChangeEnvironment) -> Result<(), AdminError> {
        if let Some(name) = &change.name {
            check_name(name)?;
        }
        if let Some(Some(accent)) = &change.accent {
            let digits = accent.strip_prefix('#').unwrap_or_default();
            if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(AdminError::Invalid("accent: a colour such as #0b6e4f"));
            }
        }
        for url in change.logo_url.iter().flatten().chain(change.destination.iter().flatten()) {
            check_url(url)?;
        }
        if change.redirect_allow_list.as_ref().is_some_and(|list| list.len() > MAX_REDIRECTS) {
            return Err(AdminError::Invalid("redirect_allow_list: at most 100 prefixes"));
        }
        if !change.redirect_allow_list.iter().flatten().all(redirect::is_allow_list_entry) {
            return Err(AdminError::Invalid("redirect_allow_list: URLs without a query, a fragment or dot segments"));
        }
        let listed = |name: &Provider| self.providers().list().iter().any(|info| info.provider == *name);
        if change.providers.iter().flatten().flatten().any(|name| !listed(name)) {
            return Err(AdminError::Invalid("providers: unknown provider; GET /v2/integrations lists the known ones"));
        }
        Ok(())
    }
}

struct ReadEnvironments(Option<DevId>);

#[async_trait]
impl Unit for ReadEnvironments {
    type Done = Vec<AdminEnvironment>;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let developers = match &self.0 {
            Some(dev_id) => tx.developer(dev_id).await?.into_iter().collect(),
            None => tx.developers().await?,
        };
        let mut environments = Vec::new();
        for developer in developers.into_iter().filter(|developer| developer.status != EnvironmentStatus::Deleting) {
            environments.push(AdminEnvironment {
                users: tx.count_connections(&developer.dev_id).await?,
                settings: developer.settings(),
                dev_id: developer.dev_id,
                environment: developer.environment,
                active: developer.status == EnvironmentStatus::Active,
                created_at: developer.created_at,
            });
        }
        Ok(environments)
    }
}

struct ChangeDeveloper {
    dev_id: DevId,
    change: ChangeEnvironment,
    /// The id of the first destination, if the change creates it.
    destination_id: DestinationId,
    now: Timestamp,
}

#[async_trait]
impl Unit for ChangeDeveloper {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let mut developer = locked_environment(tx, &self.dev_id).await?;
        developer.change(&self.change);
        tx.update_developer(&developer).await?;
        if let Some(url) = &self.change.destination {
            self.set_first_destination(tx, url.as_ref()).await?;
        }
        Ok(())
    }
}

impl ChangeDeveloper {
    /// Sets the URL of the first destination. Creates the destination if there is none; `None` deletes it.
    async fn set_first_destination(&self, tx: &mut dyn Tx, url: Option<&Url>) -> Result<(), StoreError> {
        let first = tx.destinations_of(&self.dev_id).await?.into_iter().next();
        match (first, url) {
            (Some(first), Some(url)) => {
                tx.update_destination(&Destination { url: url.clone(), ..first }).await?;
            }
            (Some(first), None) => {
                tx.remove_destination(first.destination_id).await?;
            }
            (None, Some(url)) => {
                let destination = Destination::new(self.destination_id, &self.dev_id, url.clone(), self.now);
                tx.add_destination(&destination).await?;
            }
            (None, None) => {}
        }
        Ok(())
    }
}

pub(crate) async fn locked_environment(tx: &mut dyn Tx, dev_id: &DevId) -> Result<Developer, AdminError> {
    let found = tx.lock_developer(dev_id).await?.filter(|developer| developer.status != EnvironmentStatus::Deleting);
    found.ok_or(AdminError::UnknownEnvironment)
}

async fn contents(tx: &mut dyn Tx, dev_id: &DevId, now: Timestamp) -> Result<EnvironmentContents, StoreError> {
    let keys = tx.api_keys_of(dev_id).await?;
    Ok(EnvironmentContents {
        users: tx.count_connections(dev_id).await?,
        api_keys: keys.iter().filter(|key| key.is_valid(now)).count() as u64,
        waiting_deliveries: tx.waiting_deliveries_of(dev_id).await?,
    })
}

struct ReadContents {
    dev_id: DevId,
    now: Timestamp,
}

#[async_trait]
impl Unit for ReadContents {
    type Done = EnvironmentContents;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<EnvironmentContents, AdminError> {
        tx.developer(&self.dev_id).await?.ok_or(AdminError::UnknownEnvironment)?;
        Ok(contents(tx, &self.dev_id, self.now).await?)
    }
}

struct BeginDeletion {
    dev_id: DevId,
    confirmed: Option<EnvironmentContents>,
    now: Timestamp,
}

#[async_trait]
impl Unit for BeginDeletion {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let found = tx.lock_developer(&self.dev_id).await?;
        let mut developer = found.ok_or(AdminError::UnknownEnvironment)?;
        let contents = contents(tx, &self.dev_id, self.now).await?;
        if developer.status != EnvironmentStatus::Deleting && self.confirmed != Some(contents) {
            return Err(AdminError::NotConfirmed(contents));
        }
        developer.status = EnvironmentStatus::Deleting;
        tx.update_developer(&developer).await?;
        Ok(())
    }
}

/// Removes one batch of connections, and with the last batch the environment. Returns whether that was the last.
struct RemoveConnections {
    auth: Auth,
    dev_id: DevId,
    now: Timestamp,
}

#[async_trait]
impl Unit for RemoveConnections {
    type Done = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.lock_developer(&self.dev_id).await?; // blocks new connections until this unit ends
        let batch = tx.connections(&self.dev_id, 0, BATCH_SIZE).await?;
        for connection in &batch {
            remove_connection(&self.auth, tx, (&self.dev_id, connection.user_id), RemovalReason::Removed, self.now)
                .await?;
        }
        let last = batch.len() < BATCH_SIZE as usize;
        if last {
            tx.remove_developer(&self.dev_id).await?;
        }
        Ok(last)
    }
}
