//! Opens the event inbox of a gateway, for commands that run beside it.

use std::{path::Path, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};
use terra_auth::Environment;
use terra_auth_gateway::inbox::Inbox;
use terra_auth_model::clock::{SystemClock, SystemEntropy};
use terra_auth_store::{OpenError, SqliteError, open_shared};

use super::options::GatewayPaths;
use crate::{
    failure::{CommandError, FailureKind},
    open_options::with_remedy,
};

impl GatewayPaths {
    /// Opens the inbox of an environment's gateway, which may be running. Returns an error if there is no store, and
    /// never creates one.
    pub(crate) async fn inbox(&self, environment: Environment) -> anyhow::Result<Inbox> {
        let address = self.store(&self.read()?.settings, environment);
        require_store(&address)?;
        let store = match open_shared(&address).await {
            Err(error @ OpenError::Sqlite(SqliteError::InUse(_))) => {
                let next = "a server uses this store; pass the gateway's with --config, --data-dir or \
                            TERRA_AUTH_GATEWAY_STORE";
                return Err(CommandError::new(FailureKind::Misused, error.to_string(), next).into());
            }
            store => store.map_err(with_remedy)?,
        };
        Ok(Inbox::new(store, Arc::new(SystemClock), Arc::new(SystemEntropy)))
    }
}

fn require_store(address: &SecretString) -> anyhow::Result<()> {
    let Some(rest) = address.expose_secret().strip_prefix("sqlite:") else { return Ok(()) };
    let path = Path::new(rest.trim_start_matches("//"));
    let (message, next) = match rest {
        ":memory:" => {
            let message = "the gateway's store is in memory, which other processes cannot read";
            (message.to_owned(), "configure a file: `store` in gateway.toml, or TERRA_AUTH_GATEWAY_STORE")
        }
        _ if path.exists() => return Ok(()),
        _ => {
            let message = format!("there is no gateway store at {}", path.display());
            (message, "start one with `terra-auth gateway`, or select its store with --env, --config or --data-dir")
        }
    };
    Err(CommandError::new(FailureKind::NotFound, message, next).into())
}
