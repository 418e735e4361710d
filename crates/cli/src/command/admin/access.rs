//! Where a server is administered, and the token that opens it.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueHint;
use terra_auth::{AdminToken, Credentials, admin::AdminClient};
use terra_auth_core::redirect::is_loopback;
use url::Url;

use crate::{
    app::App,
    failure::{Advice, Kind},
};

const TOKEN: &str = "TERRA_AUTH_ADMIN_TOKEN";
const TOKEN_FILE: &str = "TERRA_AUTH_ADMIN_TOKEN_FILE";

/// Where `dev` keeps the token of the server on this machine.
const KEPT: &str = ".terra-auth/admin-token";

const HEADING: &str = "Flags of administration";

/// The flags of every command that administers.
#[derive(clap::Args)]
pub(crate) struct Access {
    /// The server, if it is not the one that the credential file of --env names
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    pub(crate) server: Option<Url>,
    /// Read the admin token from the first line of a file
    ///
    /// Without it the token is `TERRA_AUTH_ADMIN_TOKEN`, or in the file that `TERRA_AUTH_ADMIN_TOKEN_FILE` names, or, for a
    /// server on this machine, in `.terra-auth/admin-token`, where `terra-auth dev` keeps it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = HEADING)]
    admin_token_file: Option<PathBuf>,
}

impl Access {
    /// For commands that need nothing of an environment but, perhaps, its server's address.
    pub(crate) fn open(&self, app: &App) -> anyhow::Result<AdminClient> {
        self.open_at(app, &self.server(app)?)
    }

    /// Any address of the server.
    pub(crate) fn server(&self, app: &App) -> anyhow::Result<Url> {
        match &self.server {
            Some(server) => Ok(server.clone()),
            None => Ok(credentials(app)?.api_url),
        }
    }

    pub(crate) fn open_at(&self, app: &App, server: &Url) -> anyhow::Result<AdminClient> {
        Ok(AdminClient::new(server, &self.token(app, server)?)?)
    }

    fn token(&self, app: &App, server: &Url) -> anyhow::Result<AdminToken> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(file) = &self.admin_token_file {
            return read(app, file);
        }
        if let Some(token) = variable(TOKEN) {
            return Ok(token.trim().into());
        }
        if let Some(file) = variable(TOKEN_FILE) {
            return read(app, Path::new(&file));
        }
        // It is this machine's, so it goes to no other.
        if is_loopback(server) && Path::new(KEPT).exists() {
            return read(app, Path::new(KEPT));
        }
        let next = format!("set {TOKEN}, or name a file with --admin-token-file; `serve` shows one at its first start");
        Err(Advice::new(Kind::NoCredentials, format!("there is no admin token for {server}"), next).into())
    }
}

/// The keys of the environment; an admin can do without by naming the server.
pub(crate) fn credentials(app: &App) -> anyhow::Result<Credentials> {
    let next = "name the server with --server, and what is not in a credential file with its own flag";
    app.credentials().context(Advice::new(Kind::NoCredentials, "it is not known which server to administer", next))
}

/// No token is longer.
const LONGEST: u64 = 4096;

fn read(app: &App, file: &Path) -> anyhow::Result<AdminToken> {
    let name = file.display();
    let (token, open) = first_line(file).with_context(|| format!("could not read {name}"))?;
    if open {
        app.ui.warn(&format!("other users of this machine can open {name}; run `chmod 600 {name}`"))?;
    }
    Ok(token.trim().into())
}

/// With whether others can open the file.
fn first_line(file: &Path) -> io::Result<(String, bool)> {
    let file = File::open(file)?;
    let open = file.metadata()?.permissions().mode() & 0o077 != 0;
    let mut line = String::new();
    BufReader::new(file.take(LONGEST)).read_line(&mut line)?;
    Ok((line, open))
}
