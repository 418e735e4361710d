//! Who may administer the server, and how every act of it is done: permitted, changed and written down.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    AdminToken, DevId,
    wire::admin::{AdminTokenInfo, CreateAdminToken, EnvironmentContents, IssuedAdminToken, Role},
};
use uuid::Uuid;

use crate::{
    api_key::{ApiKeyRecord, days_of},
    audit::{Audited, Draft},
    auth::Auth,
    developer::Developer,
    digest::{KeyDigest, sha256},
    directory::NotAuthenticated,
    lock::Lock,
    seal::SealBroken,
    store::{StoreError, Tx, Unit},
    text::is_unsafe,
};

/// Somebody who administers, and from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// The token's name.
    pub name: String,
    /// The token's id, or that of an API key; `None` for the process itself.
    pub id: Option<Uuid>,
    /// What it allows.
    pub role: Role,
    /// The address it came from, if it came over the network.
    pub origin: Option<String>,
}

impl Admin {
    /// The process that holds the store itself, such as `dev`.
    #[must_use]
    pub fn local(name: &str) -> Self {
        Self { name: name.to_owned(), id: None, role: Role::Owner, origin: None }
    }

    /// Whoever holds an API key, for what its scopes let it change.
    #[must_use]
    pub fn of_key(key: &ApiKeyRecord, origin: Option<String>) -> Self {
        Self {
            name: format!("api key {} (…{})", key.name, key.hint),
            id: Some(key.key_id.0),
            role: Role::Operator,
            origin,
        }
    }
}

/// What is about to be done, as the audit log shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Act<'a> {
    /// Such as `api_key.rotate`.
    pub(crate) action: &'static str,
    /// In which environment.
    pub(crate) dev_id: Option<&'a DevId>,
    /// To what.
    pub(crate) target: &'a str,
}

/// Why something administrative was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The token's role does not allow it.
    #[error("this needs the role {}, and your token is {}", .needs, .has)]
    Forbidden {
        /// The least role that allows it.
        needs: &'static str,
        /// The role of the token.
        has: &'static str,
    },
    /// There is no such environment.
    #[error("no such environment")]
    UnknownEnvironment,
    /// Something else is not there.
    #[error("{0}")]
    NotFound(&'static str),
    /// A value does not fit; the text says which and what does.
    #[error("invalid {0}")]
    Invalid(&'static str),
    /// There is no room for more.
    #[error("{0}")]
    TooMany(&'static str),
    /// A key in use is not ended by mistake.
    #[error("the key was used at {0}; rotate it instead, or force it if it leaked")]
    RecentlyUsed(Timestamp),
    /// What is to be lost was not confirmed.
    #[error(
        "this deletes {} users, {} API keys and {} waiting events; confirm these counts",
        .0.users, .0.api_keys, .0.waiting_deliveries
    )]
    NotConfirmed(EnvironmentContents),
    /// It cannot be done as things stand.
    #[error("{0}")]
    Refused(&'static str),
    /// A sealed value does not open.
    #[error("the signing secret cannot be read")]
    Seal(#[from] SealBroken),
    /// The store failed.
    #[error("could not administer the server")]
    Store(#[from] StoreError),
}

/// An admin token as the server remembers it.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminTokenRecord {
    /// Names it.
    pub token_id: Uuid,
    /// Whose token it is.
    pub name: String,
    /// What it allows.
    pub role: Role,
    /// The token itself is not kept.
    pub digest: KeyDigest,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working; `None` is never.
    pub expires_at: Option<Timestamp>,
}

/// The verbs for admin tokens.
#[async_trait]
pub trait AdminTokens: Send {
    /// Adds a token.
    async fn add_admin_token(&mut self, token: &AdminTokenRecord) -> Result<(), StoreError>;

    /// All tokens, oldest first.
    async fn admin_tokens(&mut self) -> Result<Vec<AdminTokenRecord>, StoreError>;

    /// Removes a token; answers whether it was there.
    async fn remove_admin_token(&mut self, token_id: Uuid) -> Result<bool, StoreError>;

    /// Tells every node that its directory is out of date.
    async fn bump_revision(&mut self) -> Result<(), StoreError>;

    /// Which state of the directory the store holds.
    async fn revision(&mut self) -> Result<u64, StoreError>;
}

impl AdminTokenRecord {
    pub(crate) fn works(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    fn is_owner(&self, now: Timestamp) -> bool {
        self.role == Role::Owner && self.works(now)
    }

    fn to_wire(&self) -> AdminTokenInfo {
        AdminTokenInfo {
            token_id: self.token_id,
            name: self.name.clone(),
            role: self.role,
            created_at: self.created_at,
            expires_at: self.expires_at,
        }
    }
}

/// The most admin tokens at once.
const MAX_TOKENS: usize = 100;

impl Auth {
    /// Whose admin token this is; `None` for one that is unknown or has expired.
    ///
    /// # Errors
    ///
    /// [`NotAuthenticated::Stale`] only.
    pub fn authenticate_admin(
        &self,
        token: &AdminToken,
        origin: Option<String>,
    ) -> Result<Option<Admin>, NotAuthenticated> {
        self.directory.check_fresh()?;
        let digest = KeyDigest(sha256(token.expose().as_bytes()));
        let record = self.directory.admin_token(&digest).filter(|record| record.works(self.now()));
        Ok(record.map(|record| Admin { name: record.name, id: Some(record.token_id), role: record.role, origin }))
    }

    /// Makes an owner's token if nobody has one that works. It never expires: replace it by named ones.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn bootstrap_admin(&self) -> Result<Option<IssuedAdminToken>, AdminError> {
        let admin = Admin::local("bootstrap");
        let (record, token) = self.draw_admin_token("bootstrap", Role::Owner, None);
        let issued = IssuedAdminToken { token, info: record.to_wire() };
        let target = format!("{} bootstrap", record.token_id);
        let act = Act { action: "admin_token.create", dev_id: None, target: &target };
        match self.administer(&admin, &act, AddAdminToken { record, only_first: true }).await {
            Ok(()) => Ok(Some(issued)),
            Err(AdminError::Refused(_)) => {
                self.reload().await?; // another node may have made it just now
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the only token that works is the one of [`Auth::bootstrap_admin`].
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn has_only_the_first_admin_token(&self) -> Result<bool, StoreError> {
        let (tokens, now) = (self.store.read(ReadAdminTokens).await?, self.now());
        let mut working = tokens.iter().filter(|token| token.works(now));
        Ok(working.next().is_some_and(|token| token.name == "bootstrap") && working.next().is_none())
    }

    /// Makes a named admin token.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_admin_token(
        &self,
        admin: &Admin,
        new: &CreateAdminToken,
    ) -> Result<IssuedAdminToken, AdminError> {
        let act = Act { action: "admin_token.create", dev_id: None, target: &new.name };
        self.permit(admin, Role::Owner, &act).await?;
        if new.name.is_empty() || new.name.len() > 100 || new.name.chars().any(is_unsafe) {
            return Err(AdminError::Invalid("name: 1 to 100 bytes of text"));
        }
        let days = new.expires_in_days.unwrap_or(30);
        if !(1..=365).contains(&days) {
            return Err(AdminError::Invalid("expires_in_days: 1 to 365"));
        }
        let (record, token) = self.draw_admin_token(&new.name, new.role, Some(self.now() + days_of(days)));
        let target = format!("{} {}", record.token_id, record.name);
        let act = Act { target: &target, ..act };
        let issued = IssuedAdminToken { token, info: record.to_wire() };
        self.administer(admin, &act, AddAdminToken { record, only_first: false }).await?;
        Ok(issued)
    }

    /// All admin tokens.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_admin_tokens(&self, admin: &Admin) -> Result<Vec<AdminTokenInfo>, AdminError> {
        self.permit(admin, Role::Owner, &Act { action: "admin_token.list", dev_id: None, target: "" }).await?;
        let tokens = self.store.read(ReadAdminTokens).await?;
        Ok(tokens.iter().map(AdminTokenRecord::to_wire).collect())
    }

    /// Ends an admin token at once.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn revoke_admin_token(&self, admin: &Admin, token_id: Uuid) -> Result<(), AdminError> {
        let target = token_id.to_string();
        let act = Act { action: "admin_token.revoke", dev_id: None, target: &target };
        self.permit(admin, Role::Owner, &act).await?;
        self.administer(admin, &act, RemoveAdminToken { token_id, now: self.now() }).await
    }

    /// Refuses an act that the admin's role does not allow, and writes that down.
    pub(crate) async fn permit(&self, admin: &Admin, needs: Role, act: &Act<'_>) -> Result<(), AdminError> {
        if admin.role >= needs {
            return Ok(());
        }
        self.record_denied(admin, act).await?;
        Err(AdminError::Forbidden { needs: needs.as_str(), has: admin.role.as_str() })
    }

    /// Does something administrative: the change, its line in the audit log and the word to other nodes, or none of them.
    pub(crate) async fn administer<U>(&self, admin: &Admin, act: &Act<'_>, unit: U) -> Result<U::Done, AdminError>
    where
        U: Unit<Refusal = AdminError>,
    {
        let draft = Draft::new(self, admin, act, true);
        let done = self.store.run_once(self.receipt(), Audited { unit: Announced(unit), draft }).await?;
        self.reload().await?;
        Ok(done)
    }

    /// An environment of this server that is not being deleted.
    pub(crate) fn known(&self, dev_id: &DevId) -> Result<std::sync::Arc<Developer>, AdminError> {
        self.directory.developer(dev_id).ok_or(AdminError::UnknownEnvironment)
    }

    fn draw_admin_token(
        &self,
        name: &str,
        role: Role,
        expires_at: Option<Timestamp>,
    ) -> (AdminTokenRecord, AdminToken) {
        let text = format!("ta_admin_{}", hex::encode(self.entropy.bytes::<32>()));
        let record = AdminTokenRecord {
            token_id: self.entropy.id(),
            name: name.to_owned(),
            role,
            digest: KeyDigest(sha256(text.as_bytes())),
            created_at: self.now(),
            expires_at,
        };
        (record, AdminToken::from(text))
    }
}

/// A unit after which every node reads the directory again.
struct Announced<U>(U);

#[async_trait]
impl<U: Unit> Unit for Announced<U> {
    type Done = U::Done;
    type Refusal = U::Refusal;

    async fn run(&self, tx: &mut dyn Tx) -> Result<U::Done, U::Refusal> {
        let done = self.0.run(tx).await?;
        tx.bump_revision().await?;
        Ok(done)
    }
}

struct AddAdminToken {
    record: AdminTokenRecord,
    only_first: bool,
}

#[async_trait]
impl Unit for AddAdminToken {
    type Done = ();
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        if self.only_first {
            tx.lock(Lock::Provisioning).await?;
        }
        let tokens = tx.admin_tokens().await?;
        let now = self.record.created_at;
        if self.only_first && tokens.iter().any(|token| token.is_owner(now)) {
            return Err(AdminError::Refused("there is an owner already"));
        }
        if tokens.iter().filter(|token| token.works(now)).count() >= MAX_TOKENS {
            return Err(AdminError::TooMany("there are 100 admin tokens; revoke some first"));
        }
        Ok(tx.add_admin_token(&self.record).await?)
    }
}

struct RemoveAdminToken {
    token_id: Uuid,
    now: Timestamp,
}

#[async_trait]
impl Unit for RemoveAdminToken {
    type Done = ();
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        if !tx.remove_admin_token(self.token_id).await? {
            return Err(AdminError::NotFound("no such admin token"));
        }
        if tx.admin_tokens().await?.iter().any(|token| token.is_owner(self.now)) {
            Ok(())
        } else {
            Err(AdminError::Refused("this is the last owner; create another one first"))
        }
    }
}

struct ReadAdminTokens;

#[async_trait]
impl Unit for ReadAdminTokens {
    type Done = Vec<AdminTokenRecord>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.admin_tokens().await
    }
}
