//! Sets, rotates and removes the apps of environments.

use std::collections::BTreeMap;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth_model::{
    developer::EnvironmentStatus,
    provider::{Connects, ProviderInfo},
    provider_app::{AppSecret, PreviousSecret, ProviderApp},
    store::{Tx, Unit},
    unit,
};
use terra_auth_types::{
    ClientSecret, DevId, Provider,
    wire::admin::{AdminProviderApp, Role, RotateProviderApp, SetProviderApp},
};

pub(crate) use crate::{
    admin::action::{Admin, AdminError, AuditedAction},
    api_key::KEY_OVERLAP,
    auth::Auth,
};

pub(super) const NO_APP: AdminError = AdminError::NotFound("this environment has no app of its own at that provider");
pub(super) const NO_LOGIN: AdminError = AdminError::NotFound("this server has no login at that provider");
/// The maximum number of headers, and the maximum length of a value.
const MAX_HEADERS: usize = 8;
const MAX_VALUE_BYTES: usize = 4096;

impl Auth {
    /// Lists an environment's own apps, ordered by provider.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_provider_apps(&self, dev_id: &DevId) -> Result<Vec<AdminProviderApp>, AdminError> {
        self.require_environment(dev_id)?;
        self.record_app_use().await?;
        let apps = self.store().read(ReadApps {}).await?;
        let now = self.now();
        Ok(apps.iter().filter(|app| app.dev_id == *dev_id).map(|app| app.to_wire(now)).collect())
    }

    /// Sets an environment's own app at a provider, or replaces it. A grant belongs to an app: an app with
    /// another client id cannot refresh it.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn set_provider_app(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        provider: &Provider,
        set: &SetProviderApp,
    ) -> Result<AdminProviderApp, AdminError> {
        let act = AuditedAction { action: "provider_app.set", dev_id: Some(dev_id), target: provider.as_str() };
        self.permit(admin, Role::Operator, &act).await?;
        self.require_environment(dev_id)?;
        self.has_login(provider)?;
        check_text(&set.client_id, AdminError::Invalid("client_id: 1 to 4096 bytes of visible text"))?;
        self.has_profile(provider, set.profile.as_deref())?;
        let secret = self.sealed(dev_id, provider, &set.client_secret, &set.headers)?;
        let app = ProviderApp {
            dev_id: dev_id.clone(),
            provider: provider.clone(),
            client_id: set.client_id.clone(),
            secret,
            previous: None,
            created_at: self.now(),
            changed_at: self.now(),
            last_used_at: None,
            profile: set.profile.clone(),
        };
        let kept = self.administer(admin, &act, PutApp(app)).await?;
        Ok(kept.to_wire(self.now()))
    }

    /// Rotates an app's secret. Until the overlap ends, the old secret is used if the provider rejects the new one.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn rotate_provider_app(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        provider: &Provider,
        how: &RotateProviderApp,
    ) -> Result<AdminProviderApp, AdminError> {
        let act = AuditedAction { action: "provider_app.rotate", dev_id: Some(dev_id), target: provider.as_str() };
        self.permit(admin, Role::Operator, &act).await?;
        self.require_environment(dev_id)?;
        let overlap = how.overlap_s.map_or(KEY_OVERLAP, |seconds| SignedDuration::from_secs(seconds.into()));
        let headers = if how.headers.is_empty() { self.headers_of(dev_id, provider) } else { how.headers.clone() };
        let unit = RotateApp {
            dev_id: dev_id.clone(),
            provider: provider.clone(),
            secret: self.sealed(dev_id, provider, &how.client_secret, &headers)?,
            previous_until: (!how.now).then(|| self.now() + overlap),
            now: self.now(),
        };
        let app = self.administer(admin, &act, unit).await?;
        Ok(app.to_wire(self.now()))
    }

    /// Removes an environment's own app. The environment then uses the server's own app, if there is one.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn remove_provider_app(
        &self,
        admin: &Admin,
        dev_id: &DevId,
        provider: &Provider,
    ) -> Result<(), AdminError> {
        let act = AuditedAction { action: "provider_app.remove", dev_id: Some(dev_id), target: provider.as_str() };
        self.permit(admin, Role::Operator, &act).await?;
        self.require_environment(dev_id)?;
        self.administer(admin, &act, RemoveApp { dev_id: dev_id.clone(), provider: provider.clone() }).await
    }

    /// The headers of an environment's app; none if they cannot be decrypted, for example after a vault reset.
    fn headers_of(&self, dev_id: &DevId, provider: &Provider) -> BTreeMap<String, ClientSecret> {
        let app = self.directory().provider_app(dev_id, provider);
        let opened = app.and_then(|app| self.open_app(&app, &app.secret).ok());
        let headers = opened.into_iter().flat_map(|opened| opened.headers);
        headers.map(|(name, value)| (name, ClientSecret::from(value.expose_secret()))).collect()
    }

    fn has_login(&self, provider: &Provider) -> Result<(), AdminError> {
        let has_login = |info: &ProviderInfo| info.connects == Connects::ByLogin && info.provider == *provider;
        if self.providers().list().iter().any(has_login) {
            return Ok(());
        }
        Err(NO_LOGIN)
    }

    fn has_profile(&self, provider: &Provider, profile: Option<&str>) -> Result<(), AdminError> {
        let Some(profile) = profile else { return Ok(()) };
        let is_known = self.providers().profiles(provider).iter().any(|known| known == profile);
        let unknown = "profile: the recipe of this provider has no such profile; `providers show` prints those it has";
        is_known.then_some(()).ok_or(AdminError::Invalid(unknown))
    }

    fn sealed(
        &self,
        dev_id: &DevId,
        provider: &Provider,
        secret: &ClientSecret,
        headers: &BTreeMap<String, ClientSecret>,
    ) -> Result<AppSecret, AdminError> {
        check_text(secret.expose(), AdminError::Invalid("client_secret: 1 to 4096 bytes of visible text"))?;
        if headers.len() > MAX_HEADERS || !headers.keys().all(|name| may_be_header(name)) {
            return Err(AdminError::Invalid("headers: at most 8, and none that the server sets itself"));
        }
        for value in headers.values() {
            check_text(value.expose(), AdminError::Invalid("headers: a value is 1 to 4096 bytes of visible text"))?;
        }
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (name.clone(), SecretString::from(value.expose()))).collect();
        Ok(self.seal_app(dev_id, provider, &secret.expose().into(), &headers))
    }
}

fn check_text(text: &str, otherwise: AdminError) -> Result<(), AdminError> {
    let fits =
        (1..=MAX_VALUE_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if fits { Ok(()) } else { Err(otherwise) }
}

/// Whether an app may add a header of this name. The headers that the server sets itself are not allowed.
#[must_use]
pub fn may_be_header(name: &str) -> bool {
    const TAKEN: [&str; 8] =
        ["authorization", "accept", "host", "connection", "cookie", "user-agent", "transfer-encoding", "te"];
    let name = name.to_ascii_lowercase();
    let named = (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    named && !TAKEN.contains(&name.as_str()) && !name.starts_with("content-") && !name.starts_with("proxy-")
}

unit!(ReadApps() -> Vec<ProviderApp> = |tx| tx.provider_apps());

struct PutApp(ProviderApp);

#[async_trait]
impl Unit for PutApp {
    type Done = ProviderApp;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<ProviderApp, AdminError> {
        let Self(new) = self;
        lock_provider_app(tx, &new.dev_id).await?;
        let mut app = new.clone();
        if let Some(old) = tx.provider_app(&new.dev_id, &new.provider).await? {
            app.created_at = old.created_at;
        }
        tx.put_provider_app(&app).await?;
        Ok(app)
    }
}

struct RotateApp {
    dev_id: DevId,
    provider: Provider,
    secret: AppSecret,
    previous_until: Option<Timestamp>,
    now: Timestamp,
}

#[async_trait]
impl Unit for RotateApp {
    type Done = ProviderApp;
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<ProviderApp, AdminError> {
        lock_provider_app(tx, &self.dev_id).await?;
        let mut app = tx.provider_app(&self.dev_id, &self.provider).await?.ok_or(NO_APP)?;
        let old = std::mem::replace(&mut app.secret, self.secret.clone());
        app.previous = self.previous_until.map(|until| PreviousSecret { secret: old, until });
        app.changed_at = self.now;
        tx.put_provider_app(&app).await?;
        Ok(app)
    }
}

struct RemoveApp {
    dev_id: DevId,
    provider: Provider,
}

#[async_trait]
impl Unit for RemoveApp {
    type Done = ();
    type Error = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        lock_provider_app(tx, &self.dev_id).await?;
        if tx.remove_provider_app(&self.dev_id, &self.provider).await? { Ok(()) } else { Err(NO_APP) }
    }
}

/// Locks an environment, so that changes of its apps never run concurrently.
async fn lock_provider_app(tx: &mut dyn Tx, dev_id: &DevId) -> Result<(), AdminError> {
    let found = tx.lock_developer(dev_id).await?.filter(|developer| developer.status != EnvironmentStatus::Deleting);
    found.map(drop).ok_or(AdminError::UnknownEnvironment)
}

#[cfg(test)]
mod tests {
    use super::may_be_header;

    #[test]
    fn only_a_header_of_the_providers_own_may_be_set() {
        for name in ["Ocp-Apim-Subscription-Key", "x-api-key"] {
            assert!(may_be_header(name), "{name}");
        }
        for name in ["", "Authorization", "content-type", "HOST", "a b", "a:b", "ä"] {
            assert!(!may_be_header(name), "{name}");
        }
    }
}
