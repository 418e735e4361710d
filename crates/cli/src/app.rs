use std::future::Future;

use anyhow::Context as _;
use jiff::Timestamp;
use terra_auth::{
    Client, Credentials, CredentialsError, Environment,
    credentials::{UnresolvedCredentials, credential_folder},
};
use tokio::runtime;

use crate::terminal::ui::Ui;

/// The environment and the output settings of a command.
pub(crate) struct App {
    pub(crate) environment: Environment,
    pub(crate) ui: Ui,
}

impl App {
    /// The environment's keys. Prints the warnings about their file.
    pub(crate) fn credentials(&self) -> anyhow::Result<Credentials> {
        let credentials = Credentials::load(self.environment)?;
        for notice in &credentials.warnings {
            self.ui.warn(notice)?;
        }
        Ok(credentials)
    }

    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::new(self.credentials()?)?)
    }
}

/// The keys of an environment as the nearest source has them, with external references unresolved.
pub(crate) fn unresolved_credentials(environment: Environment) -> Result<UnresolvedCredentials, CredentialsError> {
    UnresolvedCredentials::find(environment, &credential_folder(environment), &|name| std::env::var(name).ok())
}

/// Runs calls of the client to completion on this thread.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("could not start")?.block_on(work))
}

#[expect(
    clippy::disallowed_methods,
    reason = "only the command reads the system clock; everything else takes the time as a parameter"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
