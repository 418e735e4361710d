//! The environment of a `keys` command, where its new key is stored, and the rotation at Terra's hosted API.

use anyhow::Context as _;
use serde_json::json;
use terra_auth::{
    Credentials, DevId,
    admin::{AdminClient, is_hosted_server},
    credentials::{API_KEY, Audience, Reference, Source},
};

use crate::{
    app::{self, App},
    command::admin::access::{AdminOptions, Server, credentials},
    credentials::credential_file::{self, CredentialFile},
    failure::{CommandError, FailureKind},
    terminal::prompt,
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

/// The storage of a new key. It is checked before the server creates the key, so the new key is not lost.
pub(super) enum KeyDestination {
    File(Box<CredentialFile>),
    Keyring(Reference, Audience),
}

impl KeyDestination {
    /// The storage of `key`, a variable of the environment's credential file.
    pub(super) fn of(app: &App, target: &Target, key: &str) -> anyhow::Result<Self> {
        let folder = terra_auth::credentials::credential_folder(app.environment);
        let file = CredentialFile::open_in(&folder, app.environment)?;
        let Some(credentials) = &target.credentials else {
            return Err(cannot_write(&format!("{} is not the credential file of {}", file.name, target.dev_id)).into());
        };
        if !matches!(&credentials.source, Source::File(path) if *path == file.path) {
            let message = format!("the keys come from {}, not from {}", credentials.source, file.name);
            return Err(cannot_write(&message).into());
        }
        if !target.accepts_new_keys {
            let message = format!("{} is not trusted, so no new secret is written to it", file.name);
            let next = format!("review the file, then run `terra-auth env trust {}`", file.name);
            return Err(CommandError::new(FailureKind::NoCredentials, message, next).into());
        }
        match file.value(key).map(Reference::parse).transpose()?.flatten() {
            None => Ok(Self::File(Box::new(file))),
            Some(Reference::Command(_)) => {
                Err(cannot_write(&format!("{} reads {key} from a command, which cannot store a key", file.name)).into())
            }
            Some(keyring) => Ok(Self::Keyring(keyring, credentials.audience())),
        }
    }

    /// Stores the new value and returns its location. Other lines of the file stay unchanged.
    pub(super) fn write_key(self, app: &App, key: &str, value: &str) -> anyhow::Result<String> {
        match self {
            Self::Keyring(reference, audience) => {
                reference.store(&audience, value).with_context(|| format!("could not write to the {reference}"))?;
                Ok(format!("the {reference}"))
            }
            Self::File(mut file) => {
                file.entries.set(key, value);
                if credential_file::write(&[&*file])? {
                    app.ui.note("Added .env.terra.* to .gitignore")?;
                }
                Ok(file.name)
            }
        }
    }
}

fn cannot_write(message: &str) -> CommandError {
    let next = "add --print to print it once instead, then store it yourself";
    CommandError::new(FailureKind::Misused, message, next)
}

/// The error if a new key could not be saved after the server created it. The caller prints the key first.
pub(super) fn save_error(error: anyhow::Error) -> anyhow::Error {
    let next = "store it yourself; the server does not show it again";
    error.context(CommandError::new(
        FailureKind::Failed,
        "the new value could not be saved; it was printed to standard output",
        next,
    ))
}

const HEADING: &str = "Options for Terra's hosted API";

/// The options that apply to Terra's hosted API only.
#[derive(clap::Args)]
pub(super) struct HostedOptions {
    /// Rotate the key even though the old one stops working at once
    #[arg(long, conflicts_with_all = ["overlap", "now", "key_id"], help_heading = HEADING)]
    rotate_now: bool,
    /// Skip the confirmation (required without a terminal)
    #[arg(long, requires = "rotate_now", help_heading = HEADING)]
    yes: bool,
}

impl HostedOptions {
    /// Rejects `--rotate-now` for the user's own server, where the old key remains valid during the overlap.
    pub(super) fn reject(&self) -> anyhow::Result<()> {
        let message =
            "--rotate-now applies to Terra's hosted API; on this server, both keys are valid during the overlap";
        let refusal =
            || CommandError::new(FailureKind::Misused, message, "omit it, or revoke the old key at once with --now");
        if self.rotate_now { Err(refusal().into()) } else { Ok(()) }
    }

    /// Rotates the key with `--rotate-now`; otherwise explains how to switch without a gap.
    pub(super) fn rotate(&self, app: &App, target: &Target, print: bool) -> anyhow::Result<()> {
        if !self.rotate_now {
            app.ui.note(&explanation(&target.dev_id))?;
            let next = "follow the steps above; if the key leaked, add --rotate-now and accept the gap";
            let message = "not rotated: Terra's API would reject the old key at once";
            return Err(CommandError::new(FailureKind::NotConfirmed, message, next).into());
        }
        let question = || format!("Rotate the key of {}? The old key stops working at once.", target.dev_id);
        prompt::confirm_or_yes(self.yes, "rotated", || Ok(question()))?;
        let destination = if print { None } else { Some(KeyDestination::of(app, target, API_KEY)?) };
        let rotated = app::block_on(target.admin(app)?.rotate_hosted_api_key(&target.dev_id))?;
        let rotated = rotated.context("could not rotate the key")?;
        let api_key = rotated.api_key.expose();
        let unmasked = || json!({ "dev_id": rotated.dev_id, "api_key": api_key });
        let Some(destination) = destination else { return app.ui.result(|| api_key.to_owned(), &unmasked()) };
        match destination.write_key(app, API_KEY, api_key) {
            Ok(location) => {
                let masked = app.ui.masked(api_key);
                let json = json!({ "dev_id": rotated.dev_id, "api_key": masked, "written_to": location });
                let plain = || format!("Wrote the new key {masked} to {location}\nThe old key no longer works");
                app.ui.result(plain, &json)
            }
            Err(error) => {
                app.ui.result(|| api_key.to_owned(), &unmasked())?;
                Err(save_error(error))
            }
        }
    }
}

/// Source: "Keys of the hosted API" in `docs/compatibility.md`.
fn explanation(dev_id: &DevId) -> String {
    let tokens = format!("https://access.tryterra.co/api/v3/admin/environments/{dev_id}/tokens");
    format!(
        "Terra's hosted API has one API key per environment and no overlap: as soon as a new key exists, the API rejects\n\
         the old one. Data tokens replace the key without a gap, because several of them are valid at the same time:\n\n  \
         1. Create a data token with your Terra admin token (valid for a year by default):\n     \
         POST {tokens}\n     \
         {{\"name\": \"backend\", \"scopes\": [\"auth:write\", \"connections:read\", \"connections:write\", \"providers:read\"]}}\n  \
         2. Switch every service from the API key, or from the previous token, to the new token. All of them remain valid.\n  \
         3. When no service uses the previous token, revoke it:\n     \
         DELETE {tokens}/<token_id>\n  \
         4. When no service uses the API key, rotate it. This causes no interruption:\n     \
         terra-auth keys rotate --rotate-now\n     \
         (this is POST …/environments/{dev_id}/api-key/rotate)\n"
    )
}
