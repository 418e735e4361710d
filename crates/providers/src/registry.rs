//! The registry: recipes combined with the server's own apps.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use terra_auth_model::provider::{ClientCredentials, ProviderError, ProviderInfo};
use terra_auth_types::Provider;

use crate::{
    recipe::{Recipe, login::Login},
    recipes::Recipes,
};

/// Recipes combined with the server's own apps. It is replaced as one value.
pub(crate) struct ProviderRegistry {
    /// The providers that have not shut down.
    pub(crate) list: Arc<[ProviderInfo]>,
    pub(crate) logins: HashMap<Provider, ConfiguredProvider>,
    pub(crate) apps: HashMap<Provider, ClientCredentials>,
}

/// A provider with a login.
pub(crate) struct ConfiguredProvider {
    pub(crate) recipe: Recipe,
    /// The login without a profile.
    pub(crate) login: Login,
    profiles: BTreeMap<String, Login>,
}

/// The app names a profile that its recipe lacks, so no call is made for it.
#[derive(Debug)]
pub(crate) struct UnknownProfile;

pub(crate) const UNKNOWN_PROFILE: &str = "unknown_profile";

impl From<UnknownProfile> for ProviderError {
    fn from(UnknownProfile: UnknownProfile) -> Self {
        Self::AppRefused { code: UNKNOWN_PROFILE.to_owned() }
    }
}

impl ConfiguredProvider {
    fn new(recipe: Recipe, login: Login) -> Self {
        let profiles = login.profiles.iter().map(|(name, profile)| (name.0.clone(), login.with(profile))).collect();
        Self { recipe, login, profiles }
    }

    /// The login with the profile of an app.
    pub(crate) fn login_of(&self, client: &ClientCredentials) -> Result<&Login, UnknownProfile> {
        match &client.profile {
            Some(profile) => self.profiles.get(profile).ok_or(UnknownProfile),
            None => Ok(&self.login),
        }
    }

    /// All logins, with their profiles.
    pub(crate) fn logins(&self) -> impl Iterator<Item = (Option<&str>, &Login)> {
        let by_profile = self.profiles.iter().map(|(name, login)| (Some(name.as_str()), login));
        [(None, &self.login)].into_iter().chain(by_profile)
    }

    pub(crate) fn profiles(&self) -> Vec<String> {
        self.profiles.keys().cloned().collect()
    }
}

impl ProviderRegistry {
    /// Calls `credentials` once for each provider with a login.
    pub(crate) fn new(
        recipes: Recipes,
        credentials: impl Fn(&Provider) -> Option<ClientCredentials>,
        now: Timestamp,
    ) -> Self {
        let (mut list, mut logins, mut apps) = (Vec::new(), HashMap::new(), HashMap::new());
        for recipe in recipes.0 {
            let info = recipe.info();
            if recipe.is_shut_down(now).is_none() {
                list.push(info.clone());
            }
            if let Some(login) = recipe.login.clone() {
                let known = ConfiguredProvider::new(recipe, login);
                if let Some(client) = credentials(&info.provider) {
                    report_unknown_profile(&info.provider, &known, &client);
                    apps.insert(info.provider.clone(), client);
                }
                logins.insert(info.provider, known);
            }
        }
        Self { list: list.into(), logins, apps }
    }

    /// A login, and its app.
    pub(crate) fn find<'a>(
        &'a self,
        provider: &Provider,
        app: Option<&'a ClientCredentials>,
    ) -> Result<(&'a ConfiguredProvider, &'a ClientCredentials), ProviderError> {
        let known = self.logins.get(provider);
        known.zip(app.or_else(|| self.apps.get(provider))).ok_or(ProviderError::Unknown)
    }
}

fn report_unknown_profile(provider: &Provider, known: &ConfiguredProvider, client: &ClientCredentials) {
    if let (Err(UnknownProfile), Some(profile)) = (known.login_of(client), &client.profile) {
        tracing::error!(%provider, profile,
            "the recipe of {provider} has no profile {profile:?}; the server's own app cannot be used");
    }
}
