use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::ValueHint;
use serde_json::json;
use terra_auth::{
    Client, Credentials, CredentialsError, DevId, Environment,
    credentials::{API_KEY, DEV_ID, ENV, SIGNING_SECRET},
};

use crate::{
    app::{self, App},
    ask,
    credential_file::CredentialFile,
    failure::{Advice, Kind},
};

use values::Values;

mod values;

/// Check the keys of an environment and write them to its credential file
///
/// Asks for what is not given. The API must accept the keys before anything is written to `.env.terra.<environment>` in
/// the working directory, where only you can read it and git ignores it. Other lines of the file stay as they are.
///
/// Keys come from a file, standard input or the prompt, never from an argument, which other users could see.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth setup-environment",
    "terra-auth setup-environment --env production --dev-id acme-production-0 --api-key-file key.txt",
    "pass terra/testing | terra-auth setup-environment --dev-id acme-testing-0 --api-key-stdin",
    "terra-auth setup-environment --api-url http://127.0.0.1:8080/v2 --no-verify",
])]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Args {
    /// The public half of the keys
    #[arg(long, value_name = "ID")]
    dev_id: Option<DevId>,
    /// Read the API key from the first line of standard input
    #[arg(long, conflicts_with = "api_key_file")]
    api_key_stdin: bool,
    /// Read the API key from the first line of a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    api_key_file: Option<PathBuf>,
    /// Read the signing secret from standard input, the line after the API key's if both come from there
    #[arg(long, conflicts_with = "signing_secret_file")]
    signing_secret_stdin: bool,
    /// Read the signing secret, which verifies webhooks, from the first line of a file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    signing_secret_file: Option<PathBuf>,
    /// The API, if it is not the hosted one
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// The widget's pages, if they are not beside the API
    #[arg(long, value_name = "URL")]
    widget_url: Option<String>,
    /// The streaming socket, if it is not beside the API
    #[arg(long, value_name = "URL")]
    streaming_url: Option<String>,
    /// Write the keys without asking the API about them
    #[arg(long)]
    no_verify: bool,
    /// Replace keys that the file already has without asking
    #[arg(long)]
    yes: bool,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let mut file = CredentialFile::open(app.environment)?;
        let values = self.values(&file)?;
        let credentials = credentials(app.environment, &file, &values)?;
        self.may_replace(&file, &values)?;
        let providers = if self.no_verify { None } else { Some(verify(app, &credentials)?) };
        warn_of_what_stays(app, &file, &values)?;
        for (key, value) in &values.0 {
            file.entries.set(key, value);
        }
        if file.write()? {
            app.ui.note("Added .env.terra.* to .gitignore")?;
        }
        let read_back = Credentials::load_from(app.environment, Path::new(""), &|_| None);
        read_back.with_context(|| format!("wrote {}, but it cannot be used", file.name))?;
        report(app, &file, &credentials, providers)
    }

    fn may_replace(&self, file: &CredentialFile, values: &Values) -> anyhow::Result<()> {
        let differs = |(key, value): &&(&str, String)| file.held(key).is_some_and(|held| held != value);
        let replaced: Vec<&str> = values.0.iter().filter(differs).map(|(key, _)| *key).collect();
        if replaced.is_empty() || self.yes {
            return Ok(());
        }
        let (replaced, name) = (replaced.join(", "), &file.name);
        if ask::possible() && ask::confirm(&format!("{name} has another {replaced}. Replace it?"))? {
            return Ok(());
        }
        let message = format!("{name} has another {replaced}; nothing was changed");
        Err(Advice::new(Kind::NotConfirmed, message, "add --yes to replace it").into())
    }
}

/// The credentials that the file will hold, checked by the client's own rules.
fn credentials(environment: Environment, file: &CredentialFile, values: &Values) -> anyhow::Result<Credentials> {
    let held = |key: &str| values.get(key).or_else(|| file.held(key).filter(|_| key != ENV)).map(str::to_owned);
    let refused = |error| match error {
        CredentialsError::Invalid { key, problem, .. } => {
            Advice::new(Kind::Misused, format!("{key} {problem}"), "give another value; see --help").into()
        }
        CredentialsError::SharedKey { key, other, file, .. } => {
            let message = format!("this {key} already stands in {other}'s file {}", file.display());
            let next = format!("each environment has keys of its own: take those of {environment}, or mend that file");
            Advice::new(Kind::Misused, message, next).into()
        }
        error => anyhow::Error::new(error),
    };
    Credentials::load_from(environment, Path::new(""), &held).map_err(refused)
}

/// How many providers the environment offers, if the API accepts both keys.
fn verify(app: &App, credentials: &Credentials) -> anyhow::Result<usize> {
    let client = Client::new(credentials.clone())?;
    let checked = app::wait(client.verify_connection())?;
    let failed = |error| {
        let kind = Kind::of_call(&error);
        let next = match kind {
            Kind::NotAllowed | Kind::NotFound => format!("copy both keys of {} again, from one place", app.environment),
            Kind::NoAnswer => "add --no-verify to write the keys unchecked".to_owned(),
            _ => "try again later, or add --no-verify to write the keys unchecked".to_owned(),
        };
        anyhow::Error::new(error).context(Advice::new(kind, "could not verify the keys; nothing was written", next))
    };
    Ok(checked.map_err(failed)?.iter().filter(|integration| integration.enabled).count())
}

fn warn_of_what_stays(app: &App, file: &CredentialFile, values: &Values) -> anyhow::Result<()> {
    let another_account = file.held(DEV_ID).is_some_and(|held| values.get(DEV_ID) != Some(held));
    if another_account && file.held(SIGNING_SECRET).is_some() && values.get(SIGNING_SECRET).is_none() {
        let name = &file.name;
        app.ui.warn(&format!(
            "the {SIGNING_SECRET} in {name} is the former dev-id's; replace it with --signing-secret-file"
        ))?;
    }
    for key in [DEV_ID, API_KEY].into_iter().filter(|key| std::env::var_os(key).is_some_and(|value| !value.is_empty()))
    {
        app.ui.warn(&format!("unset {key}: the process environment wins over the file"))?;
    }
    Ok(())
}

fn report(app: &App, file: &CredentialFile, credentials: &Credentials, providers: Option<usize>) -> anyhow::Result<()> {
    let Credentials { environment, dev_id, api_key, signing_secret, api_url, .. } = credentials;
    let api_key = app.ui.masked(api_key.expose());
    let signing_secret = signing_secret.as_ref().map(|secret| app.ui.masked(secret.expose()));
    let json = json!({
        "environment": environment, "file": file.name, "dev_id": dev_id, "api_key": api_key,
        "signing_secret": signing_secret, "api_url": api_url, "verified": providers.is_some(), "providers": providers,
    });
    let plain = || {
        let first = format!("Wrote {}", file.name);
        let keys = format!("  dev-id          {dev_id}\n  API key         {api_key}");
        let secret = signing_secret.as_deref().unwrap_or("none; webhooks cannot be verified");
        let verdict = providers.map_or_else(
            || "Not verified; run `terra-auth verify-connection`".to_owned(),
            |providers| format!("Connected! {providers} providers available"),
        );
        format!("{first}\n{keys}\n  signing secret  {secret}\n  API             {api_url}\n{verdict}")
    };
    app.ui.result(plain, &json)
}
