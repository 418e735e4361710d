use std::{ffi::OsString, io, os::unix::process::CommandExt as _, process::Command};

use terra_auth::{
    Credentials, Environment,
    credentials::{
        API_KEY, API_URL, DEV_ID, ENV, RETIRING_SIGNING_SECRET, SIGNING_SECRET, STREAMING_URL, WIDGET_URL, variable_of,
    },
};

use crate::{
    app::App,
    failure::{Advice, Kind},
};

/// Run a program with an environment's keys in its process environment, and nowhere else
///
/// Sets `TERRA_DEV_ID`, `TERRA_API_KEY`, `TERRA_SIGNING_SECRET` if there is one, `TERRA_API_URL`, `TERRA_WIDGET_URL`,
/// `TERRA_STREAMING_URL` and `TERRA_ENV`, and unsets variables such as `TERRA_API_KEY_TESTING`; secrets that are kept elsewhere are asked for first. The program takes the place
/// of this command, so signals reach it and its exit code is the one that is seen.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env exec -- python app.py",
    "terra-auth env exec --env staging -- sh -c 'echo $TERRA_DEV_ID'",
])]
pub(crate) struct Args {
    /// The program and its arguments, after `--`
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let mut words = self.command.into_iter();
        let program = words.next().unwrap_or_default();
        let mut command = Command::new(&program);
        command.args(words);
        give(&mut command, &app.credentials()?);
        Err(not_run(&program.to_string_lossy(), &command.exec()).into())
    }
}

/// Whatever may name an environment.
const ALL: [&str; 7] = [DEV_ID, API_KEY, SIGNING_SECRET, RETIRING_SIGNING_SECRET, API_URL, WIDGET_URL, STREAMING_URL];

/// All of one environment and nothing of another that this process may hold.
fn give(command: &mut Command, credentials: &Credentials) {
    for name in Environment::ALL.into_iter().flat_map(|one| ALL.map(|key| variable_of(key, one))) {
        command.env_remove(name);
    }
    let Credentials { environment, dev_id, api_key, api_url, widget_url, streaming_url, .. } = credentials;
    command.env(DEV_ID, dev_id.as_str()).env(API_KEY, api_key.expose()).env(ENV, environment.as_str());
    command.env(API_URL, api_url.as_str()).env(WIDGET_URL, widget_url.as_str());
    command.env(STREAMING_URL, streaming_url.as_str());
    match &credentials.signing_secret {
        Some(secret) => command.env(SIGNING_SECRET, secret.expose()),
        None => command.env_remove(SIGNING_SECRET),
    };
}

fn not_run(program: &str, error: &io::Error) -> Advice {
    let next = "a shell's own commands and pipes need a shell: -- sh -c '…'";
    Advice::new(Kind::Failed, format!("could not run {program}: {error}"), next)
}
