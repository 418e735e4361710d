//! What a dev-id identifies: one environment of one team, with everything that belongs to it.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    ApiKey, DevId, Environment, Provider, Scopes, SigningSecret,
    wire::admin::{Role, SignWith},
};
use url::Url;

use crate::{
    admin::{Act, Admin, AdminError},
    api_key::{ApiKeyRecord, new_key},
    auth::Auth,
    environment::{check_name, check_url},
    lock::Lock,
    provider::ProviderInfo,
    seal::Sealed,
    store::{StoreError, Tx, Unit},
};

/// One environment and its settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Developer {
    /// Names it in every request.
    pub dev_id: DevId,
    /// Testing, staging or production.
    pub environment: Environment,
    /// What the widget calls the app.
    pub name: String,
    /// Shown above the widget.
    pub logo_url: Option<Url>,
    /// `#rrggbb`, for the widget's buttons.
    pub accent: Option<String>,
    /// How many users may be connected at once; `None` is no cap.
    pub user_limit: Option<u32>,
    /// The providers it offers; `None` is all that the server has.
    pub providers: Option<Vec<Provider>>,
    /// Where an end user may be sent afterwards, as URL prefixes; empty is anywhere that is safe.
    pub redirect_allow_list: Vec<Url>,
    /// Where its events are posted; `None` keeps them without sending.
    pub destination: Option<Url>,
    /// Whether an end user who connects an account again keeps the user id.
    pub keep_user_id: bool,
    /// Whether a mobile token works only if it was minted for a reference id.
    pub bound_tokens_only: bool,
    /// The key that signs its events.
    pub signing_secret: Sealed,
    /// The key before it, while one replaces the other.
    pub retiring_secret: Option<RetiringSecret>,
    /// Whether its keys are taken.
    pub standing: Standing,
    /// When it was created.
    pub created_at: Timestamp,
}

/// A signing secret that another one replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetiringSecret {
    /// The old key.
    pub secret: Sealed,
    /// When it is forgotten.
    pub until: Timestamp,
    /// Which one signs until then.
    pub sign_with: SignWith,
}

/// Whether an environment takes calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It does.
    Active,
    /// Every call with its keys is refused; nothing is lost.
    Disabled,
    /// It is being removed; nobody sees it any more.
    Deleting,
}

impl Standing {
    /// The name in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Disabled => "disabled",
            Self::Deleting => "deleting",
        }
    }

    /// Reads the name in the store.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Disabled, Self::Deleting].into_iter().find(|standing| standing.as_str() == name)
    }
}

/// The name of an environment whose operator has not chosen one, as for `terra-auth dev`.
pub const UNNAMED: &str = "Your app";

impl Developer {
    /// The name that the operator chose.
    #[must_use]
    pub fn display_name(&self) -> Option<&str> {
        (self.name != UNNAMED).then_some(&self.name)
    }

    /// Whether the environment offers a provider.
    #[must_use]
    pub fn enables(&self, info: &ProviderInfo) -> bool {
        self.providers.as_ref().is_none_or(|enabled| enabled.contains(&info.provider))
    }
}

/// The verbs for developers.
#[async_trait]
pub trait Developers: Send {
    /// Adds a developer; answers whether it was new.
    async fn add_developer(&mut self, developer: &Developer) -> Result<bool, StoreError>;

    /// Replaces a developer's settings, all but its id, environment and creation; answers whether it was there.
    async fn update_developer(&mut self, developer: &Developer) -> Result<bool, StoreError>;

    /// One developer.
    async fn developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// One developer, locked for an administrative act: until this unit ends no other unit changes it, and no account is
    /// connected.
    async fn lock_developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// One developer, shared with other units that connect accounts: until this unit ends it is not changed or deleted.
    async fn share_developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// All developers, by id.
    async fn developers(&mut self) -> Result<Vec<Developer>, StoreError>;

    /// Removes a developer with its keys, sessions and deliveries; answers whether it was there. Its revocations stay,
    /// and its connections must be gone: an error otherwise, so that no grant is lost.
    async fn remove_developer(&mut self, dev_id: &DevId) -> Result<bool, StoreError>;
}

/// What a new environment is made with.
#[derive(Clone, Debug)]
pub struct NewDeveloper {
    /// Testing, staging or production; decides the user cap.
    pub environment: Environment,
    /// What the widget calls the app.
    pub name: String,
    /// Where its events are posted.
    pub destination: Option<Url>,
    /// Whether a mobile token works only if it was minted for a reference id.
    pub bound_tokens_only: bool,
}

/// The credentials of an environment, in the clear: shown once.
#[derive(Clone, Debug)]
pub struct IssuedCredentials {
    /// Names the environment.
    pub dev_id: DevId,
    /// Only its digest is kept.
    pub api_key: ApiKey,
    /// Signs the environment's events.
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

    /// The same, unless there is an environment of this kind: `None` then. Of any number of nodes that start at once, one
    /// creates it.
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
            Err(AdminError::Refused(_)) => {
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
        let suffix = hex::encode(self.entropy.bytes::<5>());
        let dev_id = format!("{}-{suffix}", new.environment);
        let act = Act { action: "environment.create", dev_id: None, target: &dev_id };
        self.permit(admin, Role::Owner, &act).await?;
        check_name(&new.name)?;
        new.destination.iter().try_for_each(check_url)?;
        let dev_id: DevId = dev_id.parse().map_err(|_| AdminError::Invalid("dev-id"))?;
        let (signing_secret, sealed) = self.draw_signing_secret(&dev_id);
        let developer = Developer {
            signing_secret: sealed,
            retiring_secret: None,
            standing: Standing::Active,
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
        let (key, api_key) = new_key(self, &dev_id, new.environment, "first key", Scopes::USUAL);
        let target = format!("{dev_id} {}", key.key_id);
        let act = Act { target: &target, ..act };
        self.administer(admin, &act, AddDeveloper { developer, key, only_first }).await?;
        Ok(IssuedCredentials { dev_id, api_key, signing_secret })
    }

    /// All environments of this server, by id.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn developers(&self) -> Result<Vec<Developer>, StoreError> {
        self.store.read(ReadDevelopers).await
    }
}

struct AddDeveloper {
    developer: Developer,
    key: ApiKeyRecord,
    only_first: bool,
}

#[async_trait]
impl Unit for AddDeveloper {
    type Done = ();
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        if self.only_first {
            tx.lock(Lock::Provisioning).await?;
            let same = |found: &Developer| {
                found.environment == self.developer.environment && found.standing != Standing::Deleting
            };
            if tx.developers().await?.iter().any(same) {
                return Err(AdminError::Refused("there is an environment of this kind already"));
            }
        }
        if !tx.add_developer(&self.developer).await? {
            return Err(AdminError::Refused("that dev-id is taken; try again"));
        }
        Ok(tx.add_api_key(&self.key).await?)
    }
}

struct ReadDevelopers;

#[async_trait]
impl Unit for ReadDevelopers {
    type Done = Vec<Developer>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Vec<Developer>, StoreError> {
        tx.developers().await
    }
}
