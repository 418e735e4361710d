//! The address of the server to administer, and the admin token for it.

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
    credentials::{Audience, Source, Trust, TrustStore, UnresolvedCredentials, credential_folder},
    ownership::Access as FileAccess,
};
use terra_auth_types::redirect::is_loopback;
use url::Url;

use crate::{
    app::{self, App},
    credentials::{guard::OwnershipCheck, variable},
    failure::{CommandError, FailureKind},
};

const SERVER_VARIABLE: &str = "TERRA_AUTH_SERVER";

const TOKEN_VARIABLE: &str = "TERRA_AUTH_ADMIN_TOKEN";

const TOKEN_FILE_VARIABLE: &str = "TERRA_AUTH_ADMIN_TOKEN_FILE";

/// The variables that provide an admin token.
pub(crate) const ADMIN_VARIABLES: [&str; 2] = [TOKEN_VARIABLE, TOKEN_FILE_VARIABLE];

/// The file in which `dev` stores the admin token of its server on this machine.
const DEV_TOKEN_PATH: &str = ".terra-auth/admin-token";

const HEADING: &str = "Admin options";

/// The options of every command that calls the admin API.
#[derive(clap::Args)]
pub(crate) struct AdminOptions {
    /// URL of the server [default: `$TERRA_AUTH_SERVER`, else the one in the credential file of --env]
    #[arg(long, value_name = "URL", help_heading = HEADING)]
    pub(crate) server: Option<Url>,
    /// Read the admin token from the first line of a file
    ///
    /// Without this option, the token is the value of `TERRA_AUTH_ADMIN_TOKEN`, else it is read from
    /// the file that `TERRA_AUTH_ADMIN_TOKEN_FILE` names. For a server on this machine, the last
    /// fallback is `.terra-auth/admin-token`, where `terra-auth dev` stores its token.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = HEADING)]
    admin_token_file: Option<PathBuf>,
}

/// The address of a server, and whether an admin token may be sent there.
pub(crate) struct Server {
    url: Url,
    /// The credential file that contains the address, if that file is not trusted.
    untrusted: Option<Source>,
}

impl Server {
    /// A server named by an option or a variable. Both come from the caller, who also has the token.
    fn from_argument(url: Url) -> Self {
        Self { url, untrusted: None }
    }
}

impl Server {
    /// The untrusted file that contains the address. `None` if a new key may be written to that file: the user
    /// trusts it, or it is for Terra's hosted API.
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

impl AdminOptions {
    /// A client for commands that need no keys of an environment, only the address of its server.
    pub(crate) fn client(&self, app: &App) -> anyhow::Result<AdminClient> {
        self.client_for(app, &self.server(app)?)
    }

    /// The server from the option, the variable or the credential file.
    pub(crate) fn server(&self, app: &App) -> anyhow::Result<Server> {
        match self.server_from_argument()? {
            Some(server) => Ok(server),
            None => Ok(credentials(app)?.1),
        }
    }

    /// The server that the option or the variable names.
    pub(crate) fn server_from_argument(&self) -> anyhow::Result<Option<Server>> {
        let of_process = || {
            let text = variable::text(SERVER_VARIABLE)?;
            let misused = |error| {
                CommandError::new(
                    FailureKind::Misused,
                    format!("{SERVER_VARIABLE}: {error}"),
                    "use an absolute URL, such as https://auth.acme.example",
                )
            };
            Some(text.trim().parse().map_err(misused))
        };
        let url = self.server.clone().map(Ok).or_else(of_process).transpose()?;
        Ok(url.map(Server::from_argument))
    }

    /// The server that the option names, for commands that also work without a server.
    pub(crate) fn server_option(&self) -> Option<Server> {
        self.server.clone().map(Server::from_argument)
    }

    /// A client for this server. An admin token is never sent to an address from an untrusted credential file.
    pub(crate) fn client_for(&self, app: &App, server: &Server) -> anyhow::Result<AdminClient> {
        let token = self.token(app, server)?;
        if let Some(source) = &server.untrusted {
            let message = format!(
                "no admin token is sent to {}: the address comes from {source}, which is not trusted",
                server.url
            );
            let next = format!(
                "review the file, then run `terra-auth env trust {source}`; or pass the server with --server or {SERVER_VARIABLE}"
            );
            return Err(CommandError::new(FailureKind::NoCredentials, message, next).into());
        }
        Ok(AdminClient::new(server, &token)?)
    }

    fn token(&self, app: &App, server: &Url) -> anyhow::Result<AdminToken> {
        if let Some(file) = &self.admin_token_file {
            return read_token(app, file);
        }
        if let Some(token) = variable::text(TOKEN_VARIABLE) {
            return Ok(token.trim().into());
        }
        if let Some(file) = variable::path(TOKEN_FILE_VARIABLE) {
            return read_token(app, &file);
        }
        // This token is for a server on this machine, so it is never sent to another one.
        let kept = credential_folder(app.environment).join(DEV_TOKEN_PATH);
        if is_loopback(server) && kept.exists() {
            return read_token(app, &kept);
        }
        let next = format!(
            "set {TOKEN_VARIABLE}, or pass a file with --admin-token-file; `serve` prints one at its first start"
        );
        Err(CommandError::new(FailureKind::NoCredentials, format!("there is no admin token for {server}"), next).into())
    }
}

/// The keys of the environment and their server. An admin without a credential file must pass `--server`.
pub(crate) fn credentials(app: &App) -> anyhow::Result<(Credentials, Server)> {
    let next = "pass --server URL, or add TERRA_API_URL to the credential file";
    credentials_of(app, app.environment).context(CommandError::new(FailureKind::NoCredentials, "no server given", next))
}

/// The keys of an environment and their server.
pub(crate) fn credentials_of(app: &App, environment: Environment) -> anyhow::Result<(Credentials, Server)> {
    let written = app::unresolved_credentials(environment)?;
    let untrusted = (!is_trusted(&written, environment)).then(|| written.source().clone());
    let credentials = written.resolve()?;
    credentials.warnings.iter().try_for_each(|notice| app.ui.warn(notice))?;
    let server = Server { url: credentials.api_url.clone(), untrusted };
    Ok((credentials, server))
}

/// Whether the user trusts the source, or a trusted file of another environment has the same addresses.
fn is_trusted(written: &UnresolvedCredentials, environment: Environment) -> bool {
    let (folder, Ok(audience)) = (credential_folder(environment), written.audience()) else { return false };
    let agrees = |other: Environment| {
        let beside = UnresolvedCredentials::find(other, &folder, &|_| None);
        let beside = beside.map(|beside| beside.with_trust_store(TrustStore::of_process()));
        beside.is_ok_and(|it| it.trust() == Trust::Trusted && it.audience().is_ok_and(|it| it == audience))
    };
    written.trust() == Trust::Trusted || Environment::ALL.into_iter().filter(|other| *other != environment).any(agrees)
}

/// Upper bound on the length of an admin token.
const MAX_TOKEN_BYTES: u64 = 4096;

fn read_token(app: &App, file: &Path) -> anyhow::Result<AdminToken> {
    let name = file.display();
    OwnershipCheck::Warn(app.ui).check(file, FileAccess::ReadOrChange)?;
    let token = first_line(file).with_context(|| format!("could not read {name}"))?;
    Ok(token.trim().into())
}

fn first_line(file: &Path) -> io::Result<String> {
    let mut line = String::new();
    BufReader::new(File::open(file)?.take(MAX_TOKEN_BYTES)).read_line(&mut line)?;
    Ok(line)
}
