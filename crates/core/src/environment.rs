//! Environments, as operators change them.

use async_trait::async_trait;
use jiff::Timestamp;
use terra_auth_types::{
    DevId, Provider,
    wire::admin::{AdminEnvironment, ChangeEnvironment, EnvironmentContents, EnvironmentSettings, Role},
};
use url::Url;

use crate::{
    admin::{Act, Admin, AdminError},
    auth::Auth,
    developer::{Developer, Standing},
    redirect,
    revocation::{End, end_connection},
    store::{StoreError, Tx, Unit},
    text::is_unsafe,
};

/// How many connections are removed in one unit of work.
const LOT: u32 = 500;

impl Developer {
    /// What can be promoted to another environment.
    #[must_use]
    pub fn settings(&self) -> EnvironmentSettings {
        EnvironmentSettings {
            name: self.name.clone(),
            logo_url: self.logo_url.clone(),
            accent: self.accent.clone(),
            user_limit: self.user_limit,
            providers: self.providers.clone(),
            redirect_allow_list: self.redirect_allow_list.clone(),
            destination: self.destination.clone(),
            keep_user_id: self.keep_user_id,
            bound_tokens_only: self.bound_tokens_only,
        }
    }

    fn change(&mut self, change: &ChangeEnvironment) {
        let ChangeEnvironment {
            name,
            logo_url,
            accent,
            user_limit,
            providers,
            redirect_allow_list,
            destination,
            keep_user_id,
            bound_tokens_only,
            active,
        } = change.clone();
        self.name = name.unwrap_or(std::mem::take(&mut self.name));
        self.logo_url = logo_url.unwrap_or(self.logo_url.take());
        self.accent = accent.unwrap_or(self.accent.take());
        self.user_limit = user_limit.unwrap_or(self.user_limit);
        self.providers = providers.unwrap_or(self.providers.take());
        self.redirect_allow_list = redirect_allow_list.unwrap_or(std::mem::take(&mut self.redirect_allow_list));
        self.destination = destination.unwrap_or(self.destination.take());
        self.keep_user_id = keep_user_id.unwrap_or(self.keep_user_id);
        self.bound_tokens_only = bound_tokens_only.unwrap_or(self.bound_tokens_only);
        if let Some(active) = active {
            self.standing = if active { Standing::Active } else { Standing::Disabled };
        }
    }
}

impl Auth {
    /// All environments that are not being deleted.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn list_environments(&self) -> Result<Vec<AdminEnvironment>, AdminError> {
        Ok(self.store.read(ReadEnvironments(None)).await?)
    }

    /// One environment.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn environment(&self, dev_id: &DevId) -> Result<AdminEnvironment, AdminError> {
        let mut found = self.store.read(ReadEnvironments(Some(dev_id.clone()))).await?;
        found.pop().ok_or(AdminError::UnknownEnvironment)
    }

    /// Changes an environment's settings; a field that is absent stays.
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
        let act = Act { action, dev_id: Some(dev_id), target: "" };
        self.permit(admin, Role::Operator, &act).await?;
        self.check_change(change)?;
        self.administer(admin, &act, ChangeDeveloper { dev_id: dev_id.clone(), change: change.clone() }).await?;
        self.environment(dev_id).await
    }

    /// What would be lost with an environment.
    ///
    /// # Errors
    ///
    /// See [`AdminError`].
    pub async fn environment_contents(&self, dev_id: &DevId) -> Result<EnvironmentContents, AdminError> {
        self.store.read(ReadContents { dev_id: dev_id.clone(), now: self.now() }).await
    }

    /// Deletes an environment with everything in it. Its users' grants are revoked at the providers afterwards.
    ///
    /// `confirmed` must be what [`Auth::environment_contents`] says, so that nobody loses more than they were told; the
    /// refusal says it too. A deletion that is interrupted goes on when it is asked for again.
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
        let act = Act { action: "environment.delete", dev_id: None, target: dev_id.as_str() };
        self.permit(admin, Role::Owner, &act).await?;
        let begin = BeginDeletion { dev_id: dev_id.clone(), confirmed, now: self.now() };
        self.administer(admin, &act, begin).await?;
        while !self.store.run(Remove { auth: self.clone(), dev_id: dev_id.clone(), now: self.now() }).await? {}
        self.outbox.notify_one();
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
        if change.redirect_allow_list.as_ref().is_some_and(|list| list.len() > 100) {
            return Err(AdminError::Invalid("redirect_allow_list: at most 100 prefixes"));
        }
        if !change.redirect_allow_list.iter().flatten().all(redirect::is_allow_list_entry) {
            return Err(AdminError::Invalid("redirect_allow_list: URLs without a query, a fragment or dot segments"));
        }
        let listed = |name: &Provider| self.providers.list().iter().any(|info| info.provider == *name);
        if change.providers.iter().flatten().flatten().any(|name| !listed(name)) {
            return Err(AdminError::Invalid("providers: GET /v2/integrations lists those that exist"));
        }
        Ok(())
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), AdminError> {
    let fits = (1..=100).contains(&name.len()) && !name.chars().any(is_unsafe);
    if fits { Ok(()) } else { Err(AdminError::Invalid("name: 1 to 100 bytes of text")) }
}

pub(crate) fn check_url(url: &Url) -> Result<(), AdminError> {
    let web = url.scheme() == "https" || (url.scheme() == "http" && redirect::is_loopback(url));
    if web { Ok(()) } else { Err(AdminError::Invalid("URL: https (http on loopback only)")) }
}

struct ReadEnvironments(Option<DevId>);

#[async_trait]
impl Unit for ReadEnvironments {
    type Done = Vec<AdminEnvironment>;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<Self::Done, StoreError> {
        let developers = match &self.0 {
            Some(dev_id) => tx.developer(dev_id).await?.into_iter().collect(),
            None => tx.developers().await?,
        };
        let mut environments = Vec::new();
        for developer in developers.into_iter().filter(|developer| developer.standing != Standing::Deleting) {
            environments.push(AdminEnvironment {
                users: tx.count_connections(&developer.dev_id).await?,
                settings: developer.settings(),
                dev_id: developer.dev_id,
                environment: developer.environment,
                active: developer.standing == Standing::Active,
                created_at: developer.created_at,
            });
        }
        Ok(environments)
    }
}

struct ChangeDeveloper {
    dev_id: DevId,
    change: ChangeEnvironment,
}

#[async_trait]
impl Unit for ChangeDeveloper {
    type Done = ();
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let mut developer = held(tx, &self.dev_id).await?;
        developer.change(&self.change);
        tx.update_developer(&developer).await?;
        Ok(())
    }
}

async fn held(tx: &mut dyn Tx, dev_id: &DevId) -> Result<Developer, AdminError> {
    let found = tx.lock_developer(dev_id).await?.filter(|developer| developer.standing != Standing::Deleting);
    found.ok_or(AdminError::UnknownEnvironment)
}

async fn contents(tx: &mut dyn Tx, dev_id: &DevId, now: Timestamp) -> Result<EnvironmentContents, StoreError> {
    let keys = tx.api_keys_of(dev_id).await?;
    Ok(EnvironmentContents {
        users: tx.count_connections(dev_id).await?,
        api_keys: keys.iter().filter(|key| key.works(now)).count() as u64,
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
    type Refusal = AdminError;

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
    type Refusal = AdminError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<(), AdminError> {
        let found = tx.lock_developer(&self.dev_id).await?;
        let mut developer = found.ok_or(AdminError::UnknownEnvironment)?;
        let contents = contents(tx, &self.dev_id, self.now).await?;
        if developer.standing != Standing::Deleting && self.confirmed != Some(contents) {
            return Err(AdminError::NotConfirmed(contents));
        }
        developer.standing = Standing::Deleting;
        tx.update_developer(&developer).await?;
        Ok(())
    }
}

/// Removes one lot of connections, and with the last one the environment; answers whether it is gone.
struct Remove {
    auth: Auth,
    dev_id: DevId,
    now: Timestamp,
}

#[async_trait]
impl Unit for Remove {
    type Done = bool;
    type Refusal = StoreError;

    async fn run(&self, tx: &mut dyn Tx) -> Result<bool, StoreError> {
        tx.lock_developer(&self.dev_id).await?; // nobody connects meanwhile
        let lot = tx.connections(&self.dev_id, 0, LOT).await?;
        for connection in &lot {
            end_connection(&self.auth, tx, (&self.dev_id, connection.user_id), End::Removed, self.now).await?;
        }
        let last = lot.len() < LOT as usize;
        if last {
            tx.remove_developer(&self.dev_id).await?;
        }
        Ok(last)
    }
}
