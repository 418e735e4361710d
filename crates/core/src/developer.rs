//! What a dev-id identifies: one environment of one team, with everything that belongs to it.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{ApiKey, DevId, Environment, KeyId, Provider, SigningSecret};
use url::Url;

use crate::{
    auth::Auth,
    digest::KeyDigest,
    provider::ProviderInfo,
    seal::{Place, SealBroken, Sealed},
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
    /// The key that signs its events.
    pub signing_secret: Sealed,
    /// When it was created.
    pub created_at: Timestamp,
}

impl Developer {
    /// Whether the environment offers a provider.
    #[must_use]
    pub fn enables(&self, info: &ProviderInfo) -> bool {
        self.providers.as_ref().is_none_or(|enabled| enabled.contains(&info.provider))
    }
}

/// An API key as the server remembers it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeyRecord {
    /// Names the key.
    pub key_id: KeyId,
    /// Whose key it is.
    pub dev_id: DevId,
    /// What the operator calls it.
    pub name: String,
    /// The key itself is not kept.
    pub digest: KeyDigest,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// The verbs for developers and their keys.
#[async_trait]
pub trait Developers: Send {
    /// Adds a developer; answers whether it was new.
    async fn add_developer(&mut self, developer: &Developer) -> Result<bool, StoreError>;

    /// Replaces a developer's settings, all but its id, environment and creation; answers whether it was there.
    async fn update_developer(&mut self, developer: &Developer) -> Result<bool, StoreError>;

    /// One developer.
    async fn developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// One developer, whom nobody else holds until this unit ends: connections are counted under it.
    async fn hold_developer(&mut self, dev_id: &DevId) -> Result<Option<Developer>, StoreError>;

    /// All developers, by id.
    async fn developers(&mut self) -> Result<Vec<Developer>, StoreError>;

    /// Adds an API key.
    async fn add_api_key(&mut self, key: &ApiKeyRecord) -> Result<(), StoreError>;

    /// All API keys of all developers.
    async fn api_keys(&mut self) -> Result<Vec<ApiKeyRecord>, StoreError>;
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

/// Why an environment could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum DeveloperError {
    /// There is no such environment.
    #[error("no such environment")]
    NotFound,
    /// The signing secret does not open.
    #[error("the signing secret cannot be read")]
    Seal(#[from] SealBroken),
    /// The store failed.
    #[error("could not change the environment")]
    Store(#[from] StoreError),
}

impl Auth {
    /// Creates an environment with its first API key.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn create_developer(&self, new: NewDeveloper) -> Result<IssuedCredentials, DeveloperError> {
        let suffix = hex::encode(self.entropy.bytes::<5>());
        let dev_id: DevId = format!("{}-{suffix}", new.environment).parse().map_err(|_| DeveloperError::NotFound)?;
        let signing_secret = SigningSecret::from(hex::encode(self.entropy.bytes::<32>()));
        let developer = Developer {
            signing_secret: self.keys.seal(
                self.entropy.as_ref(),
                signing_secret_place(&dev_id),
                signing_secret.expose().as_bytes(),
            ),
            dev_id,
            environment: new.environment,
            name: new.name,
            logo_url: None,
            accent: None,
            user_limit: new.environment.default_user_limit(),
            providers: None,
            redirect_allow_list: Vec::new(),
            destination: new.destination,
            created_at: self.now(),
        };
        let (key, api_key) = self.new_key(&developer.dev_id, new.environment);
        let dev_id = developer.dev_id.clone();
        self.store.run(AddDeveloper { developer: Some(developer), key }).await?;
        self.reload().await?;
        Ok(IssuedCredentials { dev_id, api_key, signing_secret })
    }

    /// Gives an environment one more API key, and tells all its credentials again.
    ///
    /// # Errors
    ///
    /// See [`DeveloperError`].
    pub async fn issue_api_key(&self, developer: &Developer) -> Result<IssuedCredentials, DeveloperError> {
        let signing_secret = self.signing_secret(developer)?;
        let (key, api_key) = self.new_key(&developer.dev_id, developer.environment);
        self.store.run(AddDeveloper { developer: None, key }).await?;
        self.reload().await?;
        Ok(IssuedCredentials { dev_id: developer.dev_id.clone(), api_key, signing_secret })
    }

    /// Replaces an environment's settings.
    ///
    /// # Errors
    ///
    /// See [`DeveloperError`].
    pub async fn update_developer(&self, developer: Developer) -> Result<(), DeveloperError> {
        self.store.run(UpdateDeveloper { developer }).await?;
        Ok(self.reload().await?)
    }

    /// All environments of this server, by id.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn developers(&self) -> Result<Vec<Developer>, StoreError> {
        self.store.read(ReadDevelopers).await
    }

    /// The key that signs an environment's events.
    ///
    /// # Errors
    ///
    /// [`SealBroken`]: the master key is not the one it was sealed with.
    pub fn signing_secret(&self, developer: &Developer) -> Result<SigningSecret, SealBroken> {
        let secret = self.keys.open(signing_secret_place(&developer.dev_id), &developer.signing_secret)?;
        Ok(SigningSecret::from(str::from_utf8(&secret).map_err(|_| SealBroken)?))
    }

    fn new_key(&self, dev_id: &DevId, environment: Environment) -> (ApiKeyRecord, ApiKey) {
        let api_key = ApiKey::from(format!("ta_{environment}_{}", hex::encode(self.entropy.bytes::<32>())));
        let record = ApiKeyRecord {
            key_id: KeyId(self.entropy.id()),
            dev_id: dev_id.clone(),
            name: "first key".to_owned(),
            digest: KeyDigest::of(&api_key),
            created_at: self.now(),
            expires_at: None,
        };
        (record, api_key)
    }
}

fn signing_secret_place(dev_id: &DevId) -> Place<'_> {
    Place { dev_id: dev_id.as_str(), row: "developer", column: "signing_secret" }
}

struct AddDeveloper {
    developer: Option<Developer>,
    key: ApiKeyRecord,
}

#[async_trait]
impl Unit for AddDeveloper {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        if let Some(developer) = &self.developer {
            tx.add_developer(developer).await?;
        }
        tx.add_api_key(&self.key).await
    }
}

struct UpdateDeveloper {
    developer: Developer,
}

#[async_trait]
impl Unit for UpdateDeveloper {
    type Done = ();
    type Refusal = DeveloperError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), DeveloperError> {
        if tx.update_developer(&self.developer).await? { Ok(()) } else { Err(DeveloperError::NotFound) }
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
