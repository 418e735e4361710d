//! The files that say which providers a server knows, and as which apps.

use std::path::PathBuf;

use terra_auth::{Provider, ownership::Access};
use terra_auth_outbound::{ClientCredentials, Recipes};

use super::{apps, layers, logo};
use crate::{
    app,
    failure::{Advice, Kind},
    guard::Guard,
};

/// Where a server reads its recipes and its own apps.
pub(crate) struct ProviderFiles {
    pub(crate) data_dir: PathBuf,
    /// Recipes over all others.
    pub(crate) own: Option<PathBuf>,
    pub(crate) apps: Option<PathBuf>,
}

impl ProviderFiles {
    /// All recipes, and the server's own app at each provider.
    ///
    /// A recipe says where secrets are sent, so other users of the machine must not be able to change one.
    pub(crate) fn read(&self) -> anyhow::Result<(Recipes, impl Fn(&Provider) -> Option<ClientCredentials> + use<>)> {
        for file in layers::files(&self.data_dir, self.own.as_deref())? {
            Guard::Refuses.check(&file, Access::Change)?;
        }
        if let Some(file) = &self.apps {
            Guard::Refuses.check(file, Access::ReadOrChange)?;
        }
        let recipes = layers::read(&self.data_dir, self.own.as_deref())?;
        let apps = self.apps.as_deref().map(apps::read).transpose()?.unwrap_or_default();
        let logos =
            recipes.iter().filter_map(logo::path_of).chain(apps.values().filter_map(|app| app.logo_path.clone()));
        for file in logos {
            Guard::Refuses.check(&file, Access::Change)?;
        }
        for name in apps.keys() {
            let recipe = recipes.iter().find(|recipe| recipe.info().provider.as_str() == name).ok_or_else(|| {
                let next =
                    "see the names with `terra-auth providers list`, or add a recipe with `terra-auth providers add`";
                Advice::new(Kind::Misused, format!("there is an app for {name}, and no recipe"), next)
            })?;
            if let Some(end) = recipe.is_shut_down(app::now()) {
                tracing::warn!(provider = %name, "{name} is not offered: {}", end.why);
            }
        }
        let recipes = recipes.with_logos(|recipe| -> anyhow::Result<_> {
            Ok(apps.get(recipe.info().provider.as_str()).and_then(|app| app.logo.clone()))
        })?;
        Ok((recipes, move |provider: &Provider| apps.get(provider.as_str()).map(|app| app.credentials.clone())))
    }
}
