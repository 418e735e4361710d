use terra_auth::{
    Credentials, DevId,
    admin::{AdminClient, is_hosted_server},
};

use crate::{
    app::App,
    command::admin::access::{AdminOptions, Server, credentials},
};

/// The options that select an environment and its server.
#[derive(clap::Args)]
pub(crate) struct TargetOptions {
    /// Dev-id of the environment [default: that in the credential file of --env]
    #[arg(long, value_name = "ID")]
    dev_id: Option<DevId>,
    #[command(flatten)]
    access: AdminOptions,
}

/// An environment, its server, and its keys in the credential file.
pub(crate) struct Target {
    pub(crate) dev_id: DevId,
    /// `None` if the file is for another environment, or was not read.
    pub(super) credentials: Option<Credentials>,
    /// Whether a new key may be written to the credential file: the user trusts the addresses in it.
    pub(super) accepts_new_keys: bool,
    /// Whether the keys are for Terra's hosted API.
    pub(super) hosted: bool,
    server: Server,
    access: AdminOptions,
}

impl TargetOptions {
    /// Finds the environment and its server, without any calls.
    pub(crate) fn find(self, app: &App) -> anyhow::Result<Target> {
        let Self { dev_id, access } = self;
        let named = access.server_from_argument()?;
        if let (Some(dev_id), Some(server)) = (&dev_id, named) {
            let dev_id = dev_id.clone();
            return Ok(Target {
                hosted: is_hosted_server(&server),
                accepts_new_keys: false,
                dev_id,
                credentials: None,
                server,
                access,
            });
        }
        let (in_file, server) = credentials(app)?;
        let dev_id = dev_id.unwrap_or_else(|| in_file.dev_id.clone());
        let accepts_new_keys = server.untrusted(&in_file.audience()).is_none();
        let server = access.server_from_argument()?.unwrap_or(server);
        let hosted = is_hosted_server(&in_file.api_url);
        Ok(Target {
            accepts_new_keys,
            credentials: Some(in_file).filter(|credentials| credentials.dev_id == dev_id),
            dev_id,
            hosted,
            server,
            access,
        })
    }
}

impl Target {
    pub(crate) fn admin(&self, app: &App) -> anyhow::Result<AdminClient> {
        self.access.client_for(app, &self.server)
    }

    /// Whether the key in the credential file ends with `hint`.
    pub(super) fn has_key(&self, hint: &str) -> bool {
        !hint.is_empty()
            && self.credentials.as_ref().is_some_and(|credentials| credentials.api_key.expose().ends_with(hint))
    }
}
