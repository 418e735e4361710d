//! Shared by all services: the upstream, its keys, and the issuer of the users' tokens.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use terra_auth::{Credentials, Environment};

use crate::{
    issuer::{AUDIENCE, Issuer},
    process::Process,
};

pub(crate) const COMMAND: &str = env!("CARGO_BIN_EXE_terra-auth");

pub(crate) struct World {
    /// The folder for the files of the services.
    pub(crate) folder: PathBuf,
    pub(crate) keys: Credentials,
    pub(crate) issuer: Issuer,
    _upstream: Process,
}

impl World {
    pub(crate) fn start(folder: &Path) -> Self {
        let mut upstream = Command::new(COMMAND);
        upstream.args(["dev", "--in-memory", "--listen", "127.0.0.1:0", "--output", "json"]).current_dir(folder);
        let (upstream, _) = Process::start_with_ready_value(&mut upstream);
        let keys = Credentials::load_from(Environment::Testing, folder, &|_| None).unwrap();
        Self { folder: folder.to_owned(), keys, issuer: Issuer::start(), _upstream: upstream }
    }

    /// A command with all of this in its environment. Existing keys in the environment, perhaps of
    /// a real account, are overwritten.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).env("AUDIENCE", AUDIENCE).env("ISSUER", self.issuer.name());
        command.env("JWKS_URL", self.issuer.jwks_url()).env("TERRA_ENV", "testing");
        command.env("TERRA_API_URL", self.keys.api_url.as_str()).env("TERRA_DEV_ID", self.keys.dev_id.to_string());
        command.env("TERRA_API_KEY", self.keys.api_key.expose());
        command.env("TERRA_SIGNING_SECRET", self.keys.signing_secret.as_ref().unwrap().expose());
        command
    }
}
