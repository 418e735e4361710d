use std::path::{Path, PathBuf};

use clap::ValueHint;
use serde_json::json;
use terra_auth::{
    Credentials, CredentialsError, DevId, Environment,
    admin::is_terras_own,
    credentials::{API_KEY, API_URL, DEV_ID, ENV, Reference, STREAMING_URL, Trust, VARIABLES, WIDGET_URL, Written},
};

use crate::{
    app::App,
    ask,
    credential_file::{self, CredentialFile},
    dry_run::DryRun,
    failure::{Advice, Kind},
    verified,
};

use from::From;
use values::Values;

mod from;
mod keep;
mod report;
mod values;
mod verify;

/// Check the keys of an environment and write them to its credential file
///
/// Asks for what is not given. The API must accept the keys before anything is written to `.env.terra.<environment>` in
/// the working directory, where only you can read it and git ignores it. Other lines of the file stay as they are.
///
/// Keys come from a file, standard input or the prompt, never from an argument, which other users could see. With
/// --keyring or a command the credential file says where they are instead of holding them.
///
/// Several environments are set up in one go with --all, which asks, or with --from, once for each. Either all of them
/// are written or none.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth setup-environment",
    "terra-auth setup-environment --env production --dev-id acme-production-0 --api-key-file key.txt",
    "pass terra/testing | terra-auth setup-environment --dev-id acme-testing-0 --api-key-file -",
    "terra-auth setup-environment --dev-id acme-testing-0 --api-key-command 'op read op://dev/terra/key'",
    "terra-auth setup-environment --from testing=t.env --from staging=s.env --from production=p.env",
    "terra-auth setup-environment --all --keyring",
    "terra-auth setup-environment --api-url http://127.0.0.1:8080/v2 --no-verify",
])]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Args {
    /// The public half of the keys
    #[arg(long, value_name = "ID")]
    dev_id: Option<DevId>,
    /// Read the API key from the first line of standard input, as --api-key-file -
    #[arg(long, group = "api_key")]
    api_key_stdin: bool,
    /// Read the API key from the first line of a file, or of standard input (-)
    #[arg(long, group = "api_key", value_name = "FILE", value_hint = ValueHint::FilePath)]
    api_key_file: Option<PathBuf>,
    /// Let this command tell the API key each time it is needed; runs without a shell
    #[arg(long, group = "api_key", value_name = "COMMAND")]
    api_key_command: Option<String>,
    /// Read the signing secret from standard input, the line after the API key's if both come from there
    #[arg(long, group = "signing_secret")]
    signing_secret_stdin: bool,
    /// Read the signing secret, which verifies webhooks, from the first line of a file, or of standard input (-)
    #[arg(long, group = "signing_secret", value_name = "FILE", value_hint = ValueHint::FilePath)]
    signing_secret_file: Option<PathBuf>,
    /// Let this command tell the signing secret each time it is needed
    #[arg(long, group = "signing_secret", value_name = "COMMAND")]
    signing_secret_command: Option<String>,
    /// Read all values from a dotenv file, or from standard input (-); may be given once for each environment
    ///
    /// Its variables are those of a credential file. Without the environment's name before the file they are --env's, but
    /// one that begins with `TESTING_`, `STAGING_` or `PRODUCTION_`, such as `STAGING_TERRA_API_KEY`, is that environment's.
    #[arg(long, value_name = "[ENV=]FILE", value_parser = from::parser(), conflicts_with_all = ["dev_id", "api_key", "signing_secret", "all"])]
    from: Vec<From>,
    /// Ask for testing, staging and production
    #[arg(long, conflicts_with_all = ["dev_id", "api_key", "signing_secret"])]
    all: bool,
    /// Keep the secrets in the operating system's keyring; the file only says so
    #[arg(long)]
    keyring: bool,
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
    #[command(flatten)]
    dry_run: DryRun,
}

/// What is to become of one environment's file.
struct Plan {
    environment: Environment,
    file: CredentialFile,
    /// Those that only the file names, if it is not trusted.
    addresses: Vec<(&'static str, String)>,
    values: Values,
    credentials: Credentials,
    /// How many providers the environment offers, if the API was asked.
    providers: Option<usize>,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let mut plans = Vec::new();
        for (environment, given) in self.given(app.environment)? {
            plans.extend(self.plan(environment, &given)?);
        }
        if plans.is_empty() {
            return Err(Advice::new(Kind::Misused, "no keys were given", "see --help").into());
        }
        refuse_shared(&plans)?;
        plans.iter().try_for_each(|plan| self.may_replace(plan))?;
        plans.iter_mut().try_for_each(|plan| self.agree(plan))?;
        if !self.no_verify {
            verify::all(&mut plans)?;
        }
        plans.iter().try_for_each(|plan| report::warn_of_what_changes(app, plan, self.keyring))?;
        let names: Vec<_> = plans.iter().map(|plan| plan.file.name.as_str()).collect();
        if self.dry_run.stops(app.ui, &format!("write {}", names.join(", ")), &json!({ "write": names }))? {
            return Ok(());
        }
        for plan in &mut plans {
            plan.prepare(self.keyring)?;
        }
        let files: Vec<&CredentialFile> = plans.iter().map(|plan| &plan.file).collect();
        if credential_file::write(&files)? {
            app.ui.note("Added .env.terra.* to .gitignore")?;
        }
        plans.iter().try_for_each(Plan::read_back)?;
        report::written(app, &plans)
    }

    /// Nothing if the environment is to be left out.
    fn plan(&self, environment: Environment, given: &Values) -> anyhow::Result<Option<Plan>> {
        let file = CredentialFile::open(environment)?;
        let addresses = self.kept_addresses(&file, given)?;
        let Some(values) = self.complete(environment, given, &file)? else { return Ok(None) };
        let credentials = credentials(environment, &file, &values)?;
        Ok(Some(Plan { environment, file, addresses, values, credentials, providers: None }))
    }

    /// The addresses that an untrusted file has and that were not given. A program or keyring entry of such a file is refused.
    fn kept_addresses(&self, file: &CredentialFile, given: &Values) -> anyhow::Result<Vec<(&'static str, String)>> {
        if file.trust == Trust::Trusted {
            return Ok(Vec::new());
        }
        let flags = [(API_URL, &self.api_url), (WIDGET_URL, &self.widget_url), (STREAMING_URL, &self.streaming_url)];
        let is_given =
            |key: &str| given.get(key).is_some() || flags.iter().any(|(url, flag)| *url == key && flag.is_some());
        let mut addresses = Vec::new();
        for key in VARIABLES.into_iter().filter(|key| !is_given(key)) {
            let Some(held) = file.held(key) else { continue };
            if key.ends_with("_URL") {
                let is_terras = held.parse().is_ok_and(|url| is_terras_own(&url));
                addresses.extend((!is_terras).then(|| (key, held.to_owned())));
            } else if !matches!(Reference::parse(held), Ok(None)) {
                return Err(not_trusted(&file.name, key, held).into());
            }
        }
        Ok(addresses)
    }

    /// A key that was given now does not go to an address that only an untrusted file names.
    fn agree(&self, Plan { file, values, addresses, .. }: &mut Plan) -> anyhow::Result<()> {
        let is_new = values.get(API_KEY) != file.held(API_KEY);
        let address = addresses.iter().find(|(key, _)| *key != WIDGET_URL).filter(|_| is_new && !self.no_verify);
        if let Some((key, value)) = address {
            let question = format!("{} is not trusted, and says {key}={value}. Send the key there?", file.name);
            if !(ask::possible() && ask::confirm(&question)?) {
                return Err(not_trusted(&file.name, key, value).into());
            }
            addresses.clear();
        }
        file.agreed = addresses.is_empty();
        Ok(())
    }

    fn may_replace(&self, Plan { file, values, .. }: &Plan) -> anyhow::Result<()> {
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

fn not_trusted(name: &str, key: &str, value: &str) -> Advice {
    let message = format!("{name} is not trusted, and says {key}={value}; nothing was sent or run");
    let next =
        format!("look at the file, then run `terra-auth env trust {name}`; or give the value of {key} with its flag");
    Advice::new(Kind::NotConfirmed, message, next)
}

impl Plan {
    /// Puts the values where they belong: the secrets into the keyring if wanted, the rest into the file's text.
    fn prepare(&mut self, keyring: bool) -> anyhow::Result<()> {
        if keyring {
            self.values = keep::in_keyring(self)?;
        }
        for (key, value) in &self.values.0 {
            keep::readable_by_all(key, value)?;
            self.file.entries.set(key, value);
        }
        Ok(())
    }

    /// What was written must be what the client finds.
    fn read_back(&self) -> anyhow::Result<()> {
        let written = Written::find(self.environment, Path::new(""), &|_| None)?;
        let name = &self.file.name;
        anyhow::ensure!(
            self.values.0.iter().all(|(key, value)| written.text(key) == Some(value.trim())),
            "wrote {name}, but somebody else has changed it since; see it with `terra-auth env show`"
        );
        if self.providers.is_some() {
            verified::remember(&written);
        }
        Ok(())
    }
}

/// The credentials that the file will hold, checked by the client's own rules.
fn credentials(environment: Environment, file: &CredentialFile, values: &Values) -> anyhow::Result<Credentials> {
    let held = |key: &str| values.get(key).or_else(|| file.held(key).filter(|_| key != ENV)).map(str::to_owned);
    let refused = |error| match error {
        CredentialsError::Invalid { key, problem, .. } => {
            Advice::new(Kind::Misused, format!("{key} {problem}"), "give another value; see --help").into()
        }
        CredentialsError::SharedKey { key, other, elsewhere, .. } => {
            let message = format!("this {key} already stands in {other}'s file {elsewhere}");
            let next = format!("each environment has keys of its own: take those of {environment}, or mend that file");
            Advice::new(Kind::Misused, message, next).into()
        }
        error => anyhow::Error::new(error),
    };
    Credentials::load_from(environment, Path::new(""), &held).map_err(refused)
}

/// Each environment has keys of its own, among those that are given together too.
fn refuse_shared(plans: &[Plan]) -> anyhow::Result<()> {
    let pairs = plans.iter().enumerate().flat_map(|(at, a)| plans[at + 1..].iter().map(move |b| (a, b)));
    for (Plan { credentials: a, .. }, Plan { credentials: b, .. }) in pairs {
        let same = [(DEV_ID, a.dev_id == b.dev_id), (API_KEY, a.api_key.expose() == b.api_key.expose())];
        if let Some((key, _)) = same.into_iter().find(|(_, same)| *same) {
            let message =
                format!("{} and {} are given the same {key}; nothing was written", a.environment, b.environment);
            return Err(Advice::new(Kind::Misused, message, "each environment has keys of its own: mend one").into());
        }
    }
    Ok(())
}
