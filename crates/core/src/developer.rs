//! Creates and lists environments. A dev-id identifies one environment of one team.

use async_trait::async_trait;
use terra_auth_model::{
    api_key::ApiKeyRecord,
    destination::Destination,
    developer::{Developer, EnvironmentStatus},
    lock::Lock,
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};
use terra_auth_types::{ApiKey, DevId, Environment, Scopes, SigningSecret, wire::admin::Role};
use url::Url;

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction, check_name, check_url},
    api_key::new_key,
    auth::Auth,
};

/// The settings of a new environment.
#[derive(Clone, Debug)]
pub struct NewDeveloper {
    /// Testing, staging or production. Decides the user limit.
    pub environment: Environment,
    /// The name of the app in the widget.
    pub name: String,
    /// The URL to which its events are posted.
    pub destination: Option<Url>,
    /// Whether a mobile token is valid only if it was created for a reference id.
    pub bound_tokens_only: bool,
}

/// The credentials of an environment in plain text. They are shown once.
#[derive(Clone, Debug)]
pub struct IssuedCredentials {
    /// The id of the environment.
    pub dev_id: DevId,
    /// The API key. Only its digest is stored.
    pub api_key: ApiKey,
    /// The secret that signs the environment's events.
    pub signing_secret: SigningSecret,
}

impl Auth {
    /// Creates an environment with its first API key.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_developer(&self, admin: &Admin, new: NewDeveloper) -> Result<IssuedCredentials, AdminError> {
        self.add_developer(admin, new, false).await
    }

    /// Creates an environment with its first API key; `None` if an environment of this kind already exists. If several
    /// nodes start at once, one of them creates it.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_first_developer(
        &self,
        admin: &Admin,
        new: NewDeveloper,
    ) -> Result<Option<IssuedCredentials>, AdminError> {
        match self.add_developer(admin, new, true).await {
            Ok(issued) => Ok(Some(issued)),
            Err(AdminError::Conflict(_)) => {
                self.reload().await?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn add_developer(
        &self,
        admin: &Admin,
        new: NewDeveloper,
        only_first: bool,
    ) -> Result<IssuedCredentials, AdminError> {
        let suffix = hex::encode(self.entropy().bytes::<5>());
        let dev_id = format!("{}-{suffix}", new.environment);
        let act = AuditedAction { action: "environment.create", dev_id: None, target: &dev_id };
        self.permit(admin, Role::Owner, &act).await?;
        check_name(&new.name)?;
        new.destination.iter().try_for_each(check_url)?;
        let dev_id: DevId = dev_id.parse().map_err(|_| AdminError::Invalid("dev-id"))?;
        let (signing_secret, sealed) = self.new_signing_secret(&dev_id);
        let developer = Developer {
            signing_secret: sealed,
            retiring_secret: None,
            status: EnvironmentStatus::Active,
            dev_id: dev_id.clone(),
            environment: new.environment,
            name: new.name,
            logo_url: None,
            accent: None,
            user_limit: new.environment.default_user_limit(),
            providers: None,
            redirect_allow_list: Vec::new(),
            destination: new.destination,
            keep_user_id: false,
            bound_tokens_only: new.bound_tokens_only,
            created_at: self.now(),
        };
        let (key, api_key) = new_key(self, &dev_id, new.environment, "first key", Scopes::DEFAULT);
        let target = format!("{dev_id} {}", key.key_id);
        let act = AuditedAction { target: &target, ..act };
        let now = self.now();
        let destination =
            developer.destination.clone().map(|url| Destination::new(self.new_destination_id(), &dev_id, url, now));
        self.administer(admin, &act, AddDeveloper { developer, key, destination, only_first }).await?;
        Ok(IssuedCredentials { dev_id, api_key, signing_secret })
    }

    /// Lists all environments of this server, by id.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn developers(&self) -> Result<Vec<Developer>, StoreError> {
        self.store().read(ReadDevelopers {}).await
    }
}

struct AddDeveloper {
    developer: Developer,
    key: ApiKeyRecord,
    destination: Option<Destination>,
    only_first: bool,
}

#[async_trait]
impl Unit for AddDeveloper {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        if self.only_first {
            tx.lock(Lock::Provisioning).await?;
            let same = |found: &Developer| {
                found.environment == self.developer.environment && found.status != EnvironmentStatus::Deleting
            };
            if tx.developers().await?.iter().any(same) {
                return Err(AdminError::Conflict("an environment of this kind already exists"));
            }
        }
        if !tx.add_developer(&self.developer).await? {
            return Err(AdminError::Conflict("that dev-id is taken; try again"));
        }
        if let Some(destination) = &self.destination {
            tx.add_destination(destination).await?;
        }
        Ok(tx.add_api_key(&self.key).await?)
    }
}

unit!(ReadDevelopers() -> Vec<Developer> = |tx| tx.developers());
