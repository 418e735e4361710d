use terra_auth::{
    Credentials, DevId,
    admin::{AdminClient, is_terras_own},
};

use crate::{
    app::App,
    command::admin::access::{Access, Server, credentials},
};

/// The flags that say whose keys they are.
#[derive(clap::Args)]
pub(crate) struct Whose {
    /// The environment, if it is not the one that the credential file of --env is for
    #[arg(long, value_name = "ID")]
    dev_id: Option<DevId>,
    #[command(flatten)]
    access: Access,
}

/// An environment, the server that has it, and what the credential file holds of it.
pub(crate) struct Owner {
    pub(crate) dev_id: DevId,
    /// `None` if the file is another environment's, or was not needed.
    pub(super) credentials: Option<Credentials>,
    /// Whether the user agrees to where the credential file sends its keys.
    pub(super) takes_new_keys: bool,
    /// Whether Terra itself runs the server that the keys are for.
    pub(super) hosted: bool,
    server: Server,
    access: Access,
}

impl Whose {
    /// Asks nobody yet.
    pub(crate) fn find(self, app: &App) -> anyhow::Result<Owner> {
        let Self { dev_id, access } = self;
        let named = access.named()?;
        if let (Some(dev_id), Some(server)) = (&dev_id, named) {
            let dev_id = dev_id.clone();
            return Ok(Owner {
                hosted: is_terras_own(&server),
                takes_new_keys: false,
                dev_id,
                credentials: None,
                server,
                access,
            });
        }
        let (held, server) = credentials(app)?;
        let dev_id = dev_id.unwrap_or_else(|| held.dev_id.clone());
        let takes_new_keys = server.untrusted(&held.audience()).is_none();
        let server = access.named()?.unwrap_or(server);
        let hosted = is_terras_own(&held.api_url);
        Ok(Owner {
            takes_new_keys,
            credentials: Some(held).filter(|held| held.dev_id == dev_id),
            dev_id,
            hosted,
            server,
            access,
        })
    }
}

impl Owner {
    pub(crate) fn admin(&self, app: &App) -> anyhow::Result<AdminClient> {
        self.access.open_at(app, &self.server)
    }

    /// Whether the credential file's key ends so.
    pub(super) fn holds(&self, hint: &str) -> bool {
        !hint.is_empty() && self.credentials.as_ref().is_some_and(|held| held.api_key.expose().ends_with(hint))
    }
}
