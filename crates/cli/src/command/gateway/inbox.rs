//! What a gateway keeps, for the commands beside it.

use std::{path::Path, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};
use terra_auth::Environment;
use terra_auth_core::{
    clock::{SystemClock, SystemEntropy},
    inbox::Inbox,
};
use terra_auth_store::{OpenError, SqliteError, open_shared};

use super::options::Places;
use crate::{
    failure::{Advice, Kind},
    opening::advised,
};

impl Places {
    /// Opens what the gateway of an environment keeps, which may run meanwhile. Where none ever ran, nothing is made.
    pub(crate) async fn inbox(&self, environment: Environment) -> anyhow::Result<Inbox> {
        let address = self.store(&self.read()?.settings, environment);
        must_be_there(&address)?;
        let store = match open_shared(&address).await {
            Err(error @ OpenError::Sqlite(SqliteError::InUse(_))) => {
                let next = "a server uses it; name the gateway's with --config, --data-dir or TERRA_AUTH_GATEWAY_STORE";
                return Err(Advice::new(Kind::Misused, error.to_string(), next).into());
            }
            store => store.map_err(advised)?,
        };
        Ok(Inbox::new(store, Arc::new(SystemClock), Arc::new(SystemEntropy)))
    }
}

fn must_be_there(address: &SecretString) -> anyhow::Result<()> {
    let Some(rest) = address.expose_secret().strip_prefix("sqlite:") else { return Ok(()) };
    let path = Path::new(rest.trim_start_matches("//"));
    let (message, next) = match rest {
        ":memory:" => {
            let message = "the gateway keeps everything in its own memory, where nobody else can look";
            (message.to_owned(), "give it a file: `store` in gateway.toml, or TERRA_AUTH_GATEWAY_STORE")
        }
        _ if path.exists() => return Ok(()),
        _ => {
            let message = format!("no gateway has kept anything in {} yet", path.display());
            (message, "start one with `terra-auth gateway`, or name its place with --env, --config or --data-dir")
        }
    };
    Err(Advice::new(Kind::NotFound, message, next).into())
}
