//! API keys: several at once, so that one can replace another while both work.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_types::{
    ApiKey, DevId, Environment, KeyId, Scopes,
    wire::admin::{AdminKey, CreateKey, IssuedKey, RetireKey, Role},
};

use crate::{
    admin::{Act, Admin, AdminError},
    auth::Auth,
    digest::{KeyDigest, sha256},
    store::{StoreError, Tx, Unit},
    text::is_unsafe,
};

/// How long a replaced key goes on working unless told otherwise.
pub const OVERLAP: SignedDuration = SignedDuration::from_hours(24);

/// A key that was used within this time is not ended by mistake.
pub const RECENTLY: SignedDuration = SignedDuration::from_mins(5);

/// The most keys that an environment may have at once.
const MAX_KEYS: usize = 100;

/// An API key as the server remembers it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiKeyRecord {
    /// Names the key.
    pub key_id: KeyId,
    /// Whose key it is.
    pub dev_id: DevId,
    /// What the operator calls it.
    pub name: String,
    /// The key's last four characters.
    pub hint: String,
    /// The key itself is not kept.
    pub digest: KeyDigest,
    /// What it may be used for.
    pub scopes: Scopes,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it stops working; `None` is never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

impl ApiKeyRecord {
    /// Whether the key works at this instant.
    #[must_use]
    pub fn works(&self, now: Timestamp) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }

    /// The key as operators see it.
    #[must_use]
    pub fn to_wire(&self) -> AdminKey {
        AdminKey {
            key_id: self.key_id,
            name: self.name.clone(),
            hint: self.hint.clone(),
            scopes: self.scopes,
            created_at: self.created_at,
            expires_at: self.expires_at,
            last_used_at: self.last_used_at,
        }
    }
}

/// The verbs for API keys.
#[async_trait]
pub trait ApiKeys: Send {
    /// Adds an API key.
    async fn add_api_key(&mut self, key: &ApiKeyRecord) -> Result<(), StoreError>;

    /// All API keys of all developers, oldest first.
    async fn api_keys(&mut self) -> Result<Vec<ApiKeyRecord>, StoreError>;

    /// The API keys of one developer, oldest first.
    async fn api_keys_of(&mut self, dev_id: &DevId) -> Result<Vec<ApiKeyRecord>, StoreError>;

    /// Sets when a key stops working, never later than it did before; answers whether the key is there.
    async fn end_api_key(&mut self, dev_id: &DevId, key_id: KeyId, expires_at: Timestamp) -> Result<bool, StoreError>;

    /// Records that a key was used, never earlier than what is recorded already.
    async fn touch_api_key(&mut self, key_id: KeyId, used_at: Timestamp) -> Result<(), StoreError>;
}

/// Makes a key: `ta_<environment>_`, 256 random bits in hex, and eight hex digits that a scanner can check.
pub(crate) fn new_key(
    auth: &Auth,
    dev_id: &DevId,
    environment: Environment,
    name: &str,
    scopes: Scopes,
) -> (ApiKeyRecord, ApiKey) {
    let body = format!("ta_{environment}_{}", hex::encode(auth.entropy.bytes::<32>()));
    let text = format!("{body}{}", checksum(&body));
    let record = ApiKeyRecord {
        key_id: KeyId(auth.entropy.id()),
        dev_id: dev_id.clone(),
        name: name.to_owned(),
        hint: text[text.len() - 4..].to_owned(),
        digest: KeyDigest::of(&ApiKey::from(text.as_str())),
        scopes,
        created_at: auth.now(),
        expires_at: None,
        last_used_at: None,
    };
    (record, ApiKey::from(text))
}

/// Whether a text has the shape of a key made here, checksum included. For scanners that look for leaked keys.
#[must_use]
pub fn looks_like_api_key(text: &str) -> bool {
    let Some((body, sum)) = text.len().checked_sub(8).and_then(|at| text.split_at_checked(at)) else { return false };
    let random = body.strip_prefix("ta_").and_then(|rest| rest.split_once('_')).map_or("", |(_, random)| random);
    random.len() == 64 && checksum(body) == sum
}

fn checksum(body: &str) -> String {
    hex::encode(&sha256(body.as_bytes())[..4])
}

impl Auth {
    /// The keys of an environment.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_api_keys(&self, dev_id: &DevId) -> Result<Vec<AdminKey>, AdminError> {
        self.known(dev_id)?;
        let mut keys = self.store.read(ReadKeys(dev_id.clone())).await?;
        for key in &mut keys {
            key.last_used_at = key.last_used_at.max(self.directory.last_used(key.key_id));
        }
        Ok(keys.iter().map(ApiKeyRecord::to_wire).collect())
    }

    /// Gives an environment one more key.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn create_api_key(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        new: &CreateKey,
    ) -> Result<IssuedKey, AdminError> {
        let act = Act { action: "api_key.create", dev_id: Some(dev_id), target: &new.name };
        self.permit(admin, Role::Operator, &act).await?;
        if new.expires_in_days.is_some_and(|days| !(1..=1825).contains(&days)) {
            return Err(AdminError::Invalid("expires_in_days: 1 to 1825, or none for a key that stays"));
        }
        let (mut record, api_key) = self.draw_key(dev_id, &new.name, new.scopes.unwrap_or(Scopes::USUAL))?;
        record.expires_at = new.expires_in_days.map(|days| self.now() + days_of(days));
        let issued = IssuedKey { dev_id: dev_id.clone(), api_key, key: record.to_wire(), retiring: Vec::new() };
        let target = format!("{} {}", record.key_id, record.name);
        let act = Act { target: &target, ..act };
        self.administer(admin, &act, ReplaceKey { record, retire: None }).await?;
        Ok(issued)
    }

    /// Replaces a key by a new one with the same name and scopes. Both work for the time of the overlap.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn rotate_api_key(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        key_id: KeyId,
        how: RetireKey,
    ) -> Result<IssuedKey, AdminError> {
        let target = key_id.to_string();
        let act = Act { action: "api_key.rotate", dev_id: Some(dev_id), target: &target };
        self.permit(admin, Role::Operator, &act).await?;
        let old = self.find_key(dev_id, key_id).await?;
        let overlap = how.overlap_s.map_or(OVERLAP, |seconds| SignedDuration::from_secs(seconds.into()));
        let end = self.end_of(&old, if how.now { SignedDuration::ZERO } else { overlap });
        let (record, api_key) = self.draw_key(dev_id, &old.name, old.scopes)?;
        let key = record.to_wire();
        let target = format!("{key_id} until {end} as {}", record.key_id);
        let act = Act { target: &target, ..act };
        let retiring =
            AdminKey { expires_at: Some(old.expires_at.map_or(end, |before| before.min(end))), ..old.to_wire() };
        self.administer(admin, &act, ReplaceKey { record, retire: Some((key_id, end)) }).await?;
        Ok(IssuedKey { dev_id: dev_id.clone(), api_key, key, retiring: vec![retiring] })
    }

    /// When a key stops working. One that ends at once gets the instant of its creation, so that a node whose clock is behind
    /// does not accept it any longer.
    fn end_of(&self, key: &ApiKeyRecord, overlap: SignedDuration) -> Timestamp {
        if overlap.is_zero() { key.created_at.min(self.now()) } else { self.now() + overlap }
    }

    /// Ends a key. One that was used in the last minutes is ended only when told so.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn revoke_api_key(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        key_id: KeyId,
        how: RetireKey,
    ) -> Result<AdminKey, AdminError> {
        let target = key_id.to_string();
        let act = Act { action: "api_key.revoke", dev_id: Some(dev_id), target: &target };
        self.permit(admin, Role::Operator, &act).await?;
        let mut key = self.find_key(dev_id, key_id).await?;
        let used = key.last_used_at.filter(|used| self.now().duration_since(*used) < RECENTLY);
        if let (Some(used), false) = (used, how.force || how.now) {
            return Err(AdminError::RecentlyUsed(used));
        }
        let overlap = SignedDuration::from_secs(how.overlap_s.filter(|_| !how.now).unwrap_or_default().into());
        let end = self.end_of(&key, overlap);
        let target = format!("{key_id} until {end}");
        let act = Act { target: &target, ..act };
        self.administer(admin, &act, EndKey { dev_id: dev_id.clone(), key_id, end }).await?;
        key.expires_at = Some(key.expires_at.map_or(end, |before| before.min(end)));
        Ok(key.to_wire())
    }

    /// Writes down which keys were used since the last time.
    ///
    /// # Errors
    ///
    /// The store failed; what was used is written down the next time.
    pub async fn record_key_use(&self) -> Result<(), StoreError> {
        let used = self.directory.take_used();
        if used.is_empty() { Ok(()) } else { self.store.run(TouchKeys(used)).await }
    }

    fn draw_key(&self, dev_id: &DevId, name: &str, scopes: Scopes) -> Result<(ApiKeyRecord, ApiKey), AdminError> {
        let developer = self.known(dev_id)?;
        if name.is_empty() || name.len() > 100 || name.chars().any(is_unsafe) {
            return Err(AdminError::Invalid("name: 1 to 100 bytes of text"));
        }
        Ok(new_key(self, dev_id, developer.environment, name, scopes))
    }

    async fn find_key(&self, dev_id: &DevId, key_id: KeyId) -> Result<ApiKeyRecord, AdminError> {
        self.known(dev_id)?;
        let keys = self.store.read(ReadKeys(dev_id.clone())).await?;
        let found = keys.into_iter().find(|key| key.key_id == key_id && key.works(self.now()));
        let mut key = found.ok_or(AdminError::NotFound("no such key, or it has ended already"))?;
        key.last_used_at = key.last_used_at.max(self.directory.last_used(key_id));
        Ok(key)
    }
}

pub(crate) fn days_of(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}

struct ReadKeys(DevId);

#[async_trait]
impl Unit for ReadKeys {
    type Done = Vec<ApiKeyRecord>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        tx.api_keys_of(&self.0).await
    }
}

struct ReplaceKey {
    record: ApiKeyRecord,
    retire: Option<(KeyId, Timestamp)>,
}

#[async_trait]
impl Unit for ReplaceKey {
    type Done = ();
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let keys = tx.api_keys_of(&self.record.dev_id).await?;
        if keys.iter().filter(|key| key.works(self.record.created_at)).count() >= MAX_KEYS {
            return Err(AdminError::TooMany("an environment has at most 100 keys; end some first"));
        }
        if let Some((key_id, end)) = self.retire
            && !tx.end_api_key(&self.record.dev_id, key_id, end).await?
        {
            return Err(AdminError::NotFound("no such key"));
        }
        Ok(tx.add_api_key(&self.record).await?)
    }
}

struct EndKey {
    dev_id: DevId,
    key_id: KeyId,
    end: Timestamp,
}

#[async_trait]
impl Unit for EndKey {
    type Done = ();
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let ended = tx.end_api_key(&self.dev_id, self.key_id, self.end).await?;
        if ended { Ok(()) } else { Err(AdminError::NotFound("no such key")) }
    }
}

struct TouchKeys(Vec<(KeyId, Timestamp)>);

#[async_trait]
impl Unit for TouchKeys {
    type Done = ();
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), StoreError> {
        for (key_id, used_at) in &self.0 {
            tx.touch_api_key(*key_id, *used_at).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{checksum, looks_like_api_key};

    #[test]
    fn a_key_is_known_by_its_shape() {
        let body = format!("ta_testing_{}", "0123456789abcdef".repeat(4));
        let key = format!("{body}{}", checksum(&body));
        assert!(looks_like_api_key(&key));
        for other in
            [&key[..key.len() - 1], &key.replace("0123", "0124"), &key.replace("testing", "staging"), "", "ta_x_y"]
        {
            assert!(!looks_like_api_key(other), "{other}");
        }
    }
}
