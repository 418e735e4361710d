//! API keys. An environment can have several valid keys, so a new key can replace an old one without downtime.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use terra_auth_model::{
    api_key::{ApiKeyRecord, RECENT_USE},
    digest::{KeyDigest, sha256},
    store::{Tx, Unit},
    store_error::StoreError,
    unit,
};
use terra_auth_types::{
    ApiKey, DevId, Environment, KeyId, Scopes,
    wire::admin::{AdminKey, CreateKey, IssuedKey, RetireKey, Role},
};

use crate::admin::action::days_of;
pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction, check_name},
    auth::Auth,
};

/// How long a replaced key stays valid by default.
pub const KEY_OVERLAP: SignedDuration = SignedDuration::from_hours(24);
/// The maximum number of valid keys of an environment.
const MAX_KEYS: usize = 100;
/// The longest lifetime of a key that expires: five years.
const MAX_KEY_LIFETIME_DAYS: u32 = 1825;

/// Creates a key: `ta_<environment>_`, 256 random bits in hex, and a checksum of eight hex digits for scanners.
pub(crate) fn new_key(
    auth: &Auth,
    dev_id: &DevId,
    environment: Environment,
    name: &str,
    scopes: Scopes,
) -> (ApiKeyRecord, ApiKey) {
    let body = format!("ta_{environment}_{}", hex::encode(auth.entropy().bytes::<32>()));
    let text = format!("{body}{}", checksum(&body));
    let record = ApiKeyRecord {
        key_id: KeyId(auth.entropy().id()),
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

/// Returns whether a text has the format of a key, including the checksum. For scanners that look for leaked keys.
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
    /// Lists the keys of an environment.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_api_keys(&self, dev_id: &DevId) -> Result<Vec<AdminKey>, AdminError> {
        self.require_environment(dev_id)?;
        let mut keys = self.store().read(ReadKeys { dev_id: dev_id.clone() }).await?;
        for key in &mut keys {
            key.last_used_at = key.last_used_at.max(self.directory().last_used(key.key_id));
        }
        Ok(keys.iter().map(ApiKeyRecord::to_wire).collect())
    }

    /// Creates a key for an environment.
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
        let act = AuditedAction { action: "api_key.create", dev_id: Some(dev_id), target: &new.name };
        self.permit(admin, Role::Operator, &act).await?;
        if new.expires_in_days.is_some_and(|days| !(1..=MAX_KEY_LIFETIME_DAYS).contains(&days)) {
            return Err(AdminError::Invalid("expires_in_days: 1 to 1825, or absent for a key that does not expire"));
        }
        let (mut record, api_key) = self.new_key_secret(dev_id, &new.name, new.scopes.unwrap_or(Scopes::DEFAULT))?;
        record.expires_at = new.expires_in_days.map(|days| self.now() + days_of(days));
        let issued = IssuedKey { dev_id: dev_id.clone(), api_key, key: record.to_wire(), retiring: Vec::new() };
        let target = format!("{} {}", record.key_id, record.name);
        let act = AuditedAction { target: &target, ..act };
        self.administer(admin, &act, ReplaceKey { record, retire: None }).await?;
        Ok(issued)
    }

    /// Replaces a key with a new one of the same name and scopes. Both are valid during the overlap.
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
        let act = AuditedAction { action: "api_key.rotate", dev_id: Some(dev_id), target: &target };
        self.permit(admin, Role::Operator, &act).await?;
        let old = self.find_key(dev_id, key_id).await?;
        let overlap = how.overlap_s.map_or(KEY_OVERLAP, |seconds| SignedDuration::from_secs(seconds.into()));
        let end = self.expiry_after(&old, if how.now { SignedDuration::ZERO } else { overlap });
        let (record, api_key) = self.new_key_secret(dev_id, &old.name, old.scopes)?;
        let key = record.to_wire();
        let target = format!("{key_id} until {end} as {}", record.key_id);
        let act = AuditedAction { target: &target, ..act };
        let retiring =
            AdminKey { expires_at: Some(old.expires_at.map_or(end, |before| before.min(end))), ..old.to_wire() };
        self.administer(admin, &act, ReplaceKey { record, retire: Some((key_id, end)) }).await?;
        Ok(IssuedKey { dev_id: dev_id.clone(), api_key, key, retiring: vec![retiring] })
    }

    /// Returns when a key expires. A key that is revoked immediately expires at the instant of its creation, so a
    /// node whose clock is behind rejects it too.
    fn expiry_after(&self, key: &ApiKeyRecord, overlap: SignedDuration) -> Timestamp {
        if overlap.is_zero() { key.created_at.min(self.now()) } else { self.now() + overlap }
    }

    /// Revokes a key. A key that was used in the last five minutes is revoked only with `force` or `now`.
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
        let act = AuditedAction { action: "api_key.revoke", dev_id: Some(dev_id), target: &target };
        self.permit(admin, Role::Operator, &act).await?;
        let mut key = self.find_key(dev_id, key_id).await?;
        let used = key.last_used_at.filter(|used| self.now().duration_since(*used) < RECENT_USE);
        if let (Some(used), false) = (used, how.force || how.now) {
            return Err(AdminError::RecentlyUsed(used));
        }
        let overlap = SignedDuration::from_secs(how.overlap_s.filter(|_| !how.now).unwrap_or_default().into());
        let end = self.expiry_after(&key, overlap);
        let target = format!("{key_id} until {end}");
        let act = AuditedAction { target: &target, ..act };
        self.administer(admin, &act, ExpireKey { dev_id: dev_id.clone(), key_id, end }).await?;
        key.expires_at = Some(key.expires_at.map_or(end, |before| before.min(end)));
        Ok(key.to_wire())
    }

    /// Stores when keys were last used, for uses since the previous call.
    ///
    /// # Errors
    ///
    /// The store failed, and these uses are not stored. The next use of each key is stored as usual.
    pub async fn record_key_use(&self) -> Result<(), StoreError> {
        let used = self.directory().take_used();
        if used.is_empty() { Ok(()) } else { self.store().run(RecordKeyUse(used)).await }
    }

    fn new_key_secret(&self, dev_id: &DevId, name: &str, scopes: Scopes) -> Result<(ApiKeyRecord, ApiKey), AdminError> {
        let developer = self.require_environment(dev_id)?;
        check_name(name)?;
        Ok(new_key(self, dev_id, developer.environment, name, scopes))
    }

    async fn find_key(&self, dev_id: &DevId, key_id: KeyId) -> Result<ApiKeyRecord, AdminError> {
        self.require_environment(dev_id)?;
        let keys = self.store().read(ReadKeys { dev_id: dev_id.clone() }).await?;
        let found = keys.into_iter().find(|key| key.key_id == key_id && key.is_valid(self.now()));
        let mut key = found.ok_or(AdminError::NotFound("no such key, or it has already expired"))?;
        key.last_used_at = key.last_used_at.max(self.directory().last_used(key_id));
        Ok(key)
    }
}

unit!(ReadKeys(dev_id: DevId) -> Vec<ApiKeyRecord> = |tx| tx.api_keys_of(dev_id));

struct ReplaceKey {
    record: ApiKeyRecord,
    retire: Option<(KeyId, Timestamp)>,
}

#[async_trait]
impl Unit for ReplaceKey {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let keys = tx.api_keys_of(&self.record.dev_id).await?;
        if keys.iter().filter(|key| key.is_valid(self.record.created_at)).count() >= MAX_KEYS {
            return Err(AdminError::TooMany("an environment has at most 100 keys; revoke some first"));
        }
        if let Some((key_id, end)) = self.retire
            && !tx.expire_api_key(&self.record.dev_id, key_id, end).await?
        {
            return Err(AdminError::NotFound("no such key"));
        }
        Ok(tx.add_api_key(&self.record).await?)
    }
}

struct ExpireKey {
    dev_id: DevId,
    key_id: KeyId,
    end: Timestamp,
}

#[async_trait]
impl Unit for ExpireKey {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let ended = tx.expire_api_key(&self.dev_id, self.key_id, self.end).await?;
        if ended { Ok(()) } else { Err(AdminError::NotFound("no such key")) }
    }
}

struct RecordKeyUse(Vec<(KeyId, Timestamp)>);

#[async_trait]
impl Unit for RecordKeyUse {
    type Done = ();
    type Error = StoreError;

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
    fn a_key_is_recognized_by_its_format() {
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
