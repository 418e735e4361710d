use std::{ffi::OsString, io, os::unix::process::CommandExt as _, process::Command};

use terra_auth::{
    Credentials, Environment, SigningSecret,
    credentials::{
        API_KEY, API_URL, DEV_ID, ENV, RETIRING_SIGNING_SECRET, SIGNING_SECRET, STREAMING_URL, Trust, VARIABLES,
        WIDGET_URL, variable_of,
    },
};

use crate::{
    app::{self, App},
    command::admin::access::ADMIN_VARIABLES,
    failure::{CommandError, FailureKind},
};

/// Run a program with an environment's keys in its process environment
///
/// Sets `TERRA_DEV_ID`, `TERRA_API_KEY`, `TERRA_API_URL`, `TERRA_WIDGET_URL`, `TERRA_STREAMING_URL`
/// and `TERRA_ENV`, and, if they exist, `TERRA_SIGNING_SECRET` and `TERRA_RETIRING_SIGNING_SECRET`.
/// Unsets the variables of other environments, such as `TERRA_API_KEY_TESTING`. References to
/// external secrets are resolved first. An admin token is passed to the program only if the
/// credential file is trusted.
///
/// The program replaces this process, so it receives signals directly and its exit code is returned.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env exec -- python app.py",
    "terra-auth env exec --env staging -- sh -c 'echo $TERRA_DEV_ID'",
])]
pub(crate) struct Args {
    /// Program and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let mut words = self.command.into_iter();
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(&program);
        command.args(words);
        let trust = app::unresolved_credentials(app.environment)?.trust();
        set_variables(&mut command, &app.credentials()?);
        if trust != Trust::Trusted {
            // The program cannot distinguish an address from an untrusted file from one that the user has set, so it
            // could send the admin token there.
            for name in ADMIN_VARIABLES {
                command.env_remove(name);
            }
        }
        Err(run_error(&program.to_string_lossy(), &command.exec()).into())
    }
}

/// Sets the variables of one environment, and unsets those of other environments that this process may have.
fn set_variables(command: &mut Command, credentials: &Credentials) {
    for key in VARIABLES {
        command.env_remove(key);
        for environment in Environment::ALL {
            command.env_remove(variable_of(key, environment));
        }
        if let Some(value) = value_of(credentials, key) {
            command.env(key, value);
        }
    }
    command.env(ENV, credentials.environment.as_str());
}

fn value_of<'a>(credentials: &'a Credentials, key: &str) -> Option<&'a str> {
    let Credentials { dev_id, api_key, signing_secret, retiring_signing_secret, .. } = credentials;
    match key {
        DEV_ID => Some(dev_id.as_str()),
        API_KEY => Some(api_key.expose()),
        SIGNING_SECRET => signing_secret.as_ref().map(SigningSecret::expose),
        RETIRING_SIGNING_SECRET => retiring_signing_secret.as_ref().map(SigningSecret::expose),
        API_URL => Some(credentials.api_url.as_str()),
        WIDGET_URL => Some(credentials.widget_url.as_str()),
        STREAMING_URL => Some(credentials.streaming_url.as_str()),
        _ => None,
    }
}

fn run_error(program: &str, error: &io::Error) -> CommandError {
    let next = "shell built-ins and pipes require a shell: -- sh -c '…'";
    CommandError::new(FailureKind::Failed, format!("could not run {program}: {error}"), next)
}
