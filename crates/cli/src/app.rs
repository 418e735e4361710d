use std::future::Future;

use anyhow::Context as _;
use jiff::Timestamp;
use terra_auth::{
    Client, Credentials, CredentialsError, Environment,
    credentials::{Written, folder_of},
};
use tokio::runtime;

use crate::ui::Ui;

/// What every command runs with.
pub(crate) struct App {
    pub(crate) environment: Environment,
    pub(crate) ui: Ui,
}

impl App {
    /// The environment's keys, after warning about what is odd in their file.
    pub(crate) fn credentials(&self) -> anyhow::Result<Credentials> {
        let credentials = Credentials::load(self.environment)?;
        for notice in &credentials.notices {
            self.ui.warn(notice)?;
        }
        Ok(credentials)
    }

    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Ok(Client::new(self.credentials()?)?)
    }
}

/// What the nearest source says about the keys of an environment.
pub(crate) fn written(environment: Environment) -> Result<Written, CredentialsError> {
    Written::find(environment, &folder_of(environment), &|name| std::env::var(name).ok())
}

/// Waits for calls of the client, on this thread.
pub(crate) fn wait<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    Ok(runtime.context("could not start")?.block_on(work))
}

#[expect(clippy::disallowed_methods, reason = "the command is where the machine's clock is handed in")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
