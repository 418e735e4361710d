//! Recipes and the server's own apps, put together.

use std::{collections::HashMap, sync::Arc};

use jiff::Timestamp;
use terra_auth_core::provider::{ClientCredentials, ProviderError, ProviderInfo};
use terra_auth_types::Provider;

use crate::{
    recipe::{Recipe, login::Login},
    recipes::Recipes,
};

/// Recipes and the server's own apps, put together. It is exchanged whole.
pub(crate) struct Book {
    /// Without what had shut down by then.
    pub(crate) list: Arc<[ProviderInfo]>,
    pub(crate) logins: HashMap<Provider, Known>,
    pub(crate) apps: HashMap<Provider, ClientCredentials>,
}

/// A provider with a login.
pub(crate) struct Known {
    pub(crate) recipe: Recipe,
    pub(crate) login: Login,
}

impl Book {
    /// `credentials` is asked once for each provider with a login.
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
                apps.extend(credentials(&info.provider).map(|client| (info.provider.clone(), client)));
                logins.insert(info.provider, Known { recipe, login });
            }
        }
        Self { list: list.into(), logins, apps }
    }

    /// A login, and the app to make it as.
    pub(crate) fn find<'a>(
        &'a self,
        provider: &Provider,
        app: Option<&'a ClientCredentials>,
    ) -> Result<(&'a Known, &'a ClientCredentials), ProviderError> {
        let known = self.logins.get(provider);
        known.zip(app.or_else(|| self.apps.get(provider))).ok_or(ProviderError::Unknown)
    }
}
