//! The files with a server's recipes and provider apps.

pub(crate) mod apps;
pub(crate) mod layers;
pub(crate) mod logo;

use std::path::PathBuf;

use terra_auth::{Provider, ownership::Access};
use terra_auth_model::provider::ClientCredentials;
use terra_auth_providers::Recipes;

use crate::{
    app,
    credentials::guard::OwnershipCheck,
    failure::{CommandError, FailureKind},
};

/// The paths of a server's recipes and its own apps.
pub(crate) struct ProviderFiles {
    pub(crate) data_dir: PathBuf,
    /// Recipes that override all others.
    pub(crate) own: Option<PathBuf>,
    pub(crate) apps: Option<PathBuf>,
}

impl ProviderFiles {
    /// Reads all recipes, and the server's own app at each provider.
    ///
    /// A recipe decides where secrets are sent, so other users of the machine must not be able to change it.
    pub(crate) fn read(&self) -> anyhow::Result<(Recipes, impl Fn(&Provider) -> Option<ClientCredentials> + use<>)> {
        for file in layers::files(&self.data_dir, self.own.as_deref())? {
            OwnershipCheck::Fail.check(&file, Access::Change)?;
        }
        if let Some(file) = &self.apps {
            OwnershipCheck::Fail.check(file, Access::ReadOrChange)?;
        }
        let recipes = layers::read(&self.data_dir, self.own.as_deref())?;
        let apps = self.apps.as_deref().map(apps::read).transpose()?.unwrap_or_default();
        let logos =
            recipes.iter().filter_map(logo::path_of).chain(apps.values().filter_map(|app| app.logo_path.clone()));
        for file in logos {
            OwnershipCheck::Fail.check(&file, Access::Change)?;
        }
        for name in apps.keys() {
            let recipe = recipes.iter().find(|recipe| recipe.info().provider.as_str() == name).ok_or_else(|| {
                let next =
                    "list the names with `terra-auth providers list`, or add a recipe with `terra-auth providers add`";
                CommandError::new(FailureKind::Misused, format!("there is an app for {name}, but no recipe"), next)
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
