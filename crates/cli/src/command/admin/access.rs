//! Where a server is administered, and the token that opens it.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    ops::Deref,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::ValueHint;
use terra_auth::{
    AdminToken, Credentials, Environment,
    admin::AdminClient,
    credentials::{Audience, Source, Trust, TrustStore, Written, folder_of},
    ownership::Access as FileAccess,
};
use terra_auth_core::redirect::is_loopback;
use url::Url;

use crate::{
    app::{self, App},
    failure::{Advice, Kind},
    guard::Guard,
    variable,
};

const SERVER: &str = "TERRA_AUTH_SERVER";
const TOKEN: &str = "TERRA_AUTH_ADMIN_TOKEN";
const TOKEN_FILE: &str = "TERRA_AUTH_ADMIN_TOKEN_FILE";

/// The variables that give an admin token.
pub(crate) const ADMIN_VARIABLES: [&str; 2] = [TOKEN, TOKEN_FILE];

/// Where `dev` keeps the token of the server on this machine.
const KEPT: &str = ".terra-auth/admin-token";

const HEADING: &str = "Flags of administration";

/// The flags of every command that administers.
#[derive(clap::Args)]
pub(crate) struct Access {
    /// The server [default: `$TERRA_AUTH_SERVER`, else the one that the credential file of --env names]
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    pub(crate) server: Option<Url>,
    /// Read the admin token from the first line of a file
    ///
    /// Without it the token is `TERRA_AUTH_ADMIN_TOKEN`, or in the file that `TERRA_AUTH_ADMIN_TOKEN_FILE` names, or, for a
    /// server on this machine, in `.terra-auth/admin-token`, where `terra-auth dev` keeps it.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = HEADING)]
    admin_token_file: Option<PathBuf>,
}

/// The address of a server, and whether an admin token may go there.
pub(crate) struct Server {
    url: Url,
    /// The credential file that named it, if that is not trusted.
    untrusted: Option<Source>,
}

impl Server {
    /// Named by a flag or a variable, so by the person or program that holds the token.
    fn named(url: Url) -> Self {
        Self { url, untrusted: None }
    }
}

impl Server {
    /// The file that named it, unless a new key may be written there: its user trusts it, or it is for Terra's own API.
    pub(crate) fn untrusted(&self, audience: &Audience) -> Option<&Source> {
        self.untrusted.as_ref().filter(|_| !audience.is_hosted())
    }
}

impl Deref for Server {
    type Target = Url;

    fn deref(&self) -> &Url {
        &self.url
    }
}

impl Access {
    /// For commands that need nothing of an environment but, perhaps, its server's address.
    pub(crate) fn open(&self, app: &App) -> anyhow::Result<AdminClient> {
        self.open_at(app, &self.server(app)?)
    }

    /// Any address of the server.
    pub(crate) fn server(&self, app: &App) -> anyhow::Result<Server> {
        match self.named()? {
            Some(server) => Ok(server),
            None => Ok(credentials(app)?.1),
        }
    }

    /// The server that the flag or the variable names.
    pub(crate) fn named(&self) -> anyhow::Result<Option<Server>> {
        let of_process = || {
            let text = variable::text(SERVER)?;
            let misused = |error| {
                Advice::new(Kind::Misused, format!("{SERVER}: {error}"), "write it like https://auth.acme.example")
            };
            Some(text.trim().parse().map_err(misused))
        };
        let url = self.server.clone().map(Ok).or_else(of_process).transpose()?;
        Ok(url.map(Server::named))
    }

    /// The server that the flag names, for commands that work without a server too.
    pub(crate) fn flag(&self) -> Option<Server> {
        self.server.clone().map(Server::named)
    }

    /// An admin token never goes to an address of a credential file that its user has not agreed to.
    pub(crate) fn open_at(&self, app: &App, server: &Server) -> anyhow::Result<AdminClient> {
        let token = self.token(app, server)?;
        if let Some(source) = &server.untrusted {
            let message = format!(
                "the address {} comes from {source}, which is not trusted, so no admin token is sent there",
                server.url
            );
            let next = format!(
                "look at the file, then run `terra-auth env trust {source}`; or name the server with --server or {SERVER}"
            );
            return Err(Advice::new(Kind::NoCredentials, message, next).into());
        }
        Ok(AdminClient::new(server, &token)?)
    }

    fn token(&self, app: &App, server: &Url) -> anyhow::Result<AdminToken> {
        if let Some(file) = &self.admin_token_file {
            return read(app, file);
        }
        if let Some(token) = variable::text(TOKEN) {
            return Ok(token.trim().into());
        }
        if let Some(file) = variable::path(TOKEN_FILE) {
            return read(app, &file);
        }
        // It is this machine's, so it goes to no other.
        let kept = folder_of(app.environment).join(KEPT);
        if is_loopback(server) && kept.exists() {
            return read(app, &kept);
        }
        let next = format!("set {TOKEN}, or name a file with --admin-token-file; `serve` shows one at its first start");
        Err(Advice::new(Kind::NoCredentials, format!("there is no admin token for {server}"), next).into())
    }
}

/// The keys of the environment and their server; an admin can do without by naming the server.
pub(crate) fn credentials(app: &App) -> anyhow::Result<(Credentials, Server)> {
    let next = "name the server with --server, and what is not in a credential file with its own flag";
    held(app, app.environment).context(Advice::new(
        Kind::NoCredentials,
        "it is not known which server to administer",
        next,
    ))
}

/// The keys of an environment and their server.
pub(crate) fn held(app: &App, environment: Environment) -> anyhow::Result<(Credentials, Server)> {
    let written = app::written(environment)?;
    let untrusted = (!is_agreed(&written, environment)).then(|| written.source().clone());
    let credentials = written.read()?;
    credentials.notices.iter().try_for_each(|notice| app.ui.warn(notice))?;
    let server = Server { url: credentials.api_url.clone(), untrusted };
    Ok((credentials, server))
}

/// Whether the user trusts the source, or a trusted file beside it sends secrets to the same addresses.
fn is_agreed(written: &Written, environment: Environment) -> bool {
    let (folder, Ok(audience)) = (folder_of(environment), written.audience()) else { return false };
    let agrees = |other: Environment| {
        let beside = Written::find(other, &folder, &|_| None);
        let beside = beside.map(|beside| beside.trusting(TrustStore::of_process()));
        beside.is_ok_and(|it| it.trust() == Trust::Trusted && it.audience().is_ok_and(|it| it == audience))
    };
    written.trust() == Trust::Trusted || Environment::ALL.into_iter().filter(|other| *other != environment).any(agrees)
}

/// No token is longer.
const LONGEST: u64 = 4096;

fn read(app: &App, file: &Path) -> anyhow::Result<AdminToken> {
    let name = file.display();
    Guard::Warns(app.ui).check(file, FileAccess::ReadOrChange)?;
    let token = first_line(file).with_context(|| format!("could not read {name}"))?;
    Ok(token.trim().into())
}

fn first_line(file: &Path) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(File::open(file)?.take(LONGEST)).read_line(&mut line)?;
    Ok(line)
}
