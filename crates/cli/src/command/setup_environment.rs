mod from;
mod report;
mod values;

use std::path::{Path, PathBuf};

use clap::ValueHint;
use serde_json::json;
use terra_auth::{
    Credentials, CredentialsError, DevId, Environment,
    admin::is_hosted_server,
    credentials::{
        API_KEY, API_URL, DEV_ID, ENV, Reference, STREAMING_URL, Trust, UnresolvedCredentials, VARIABLES, WIDGET_URL,
    },
};

use crate::{
    app::App,
    credentials::{
        credential_file::{self, CredentialFile},
        verified,
    },
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
    terminal::prompt,
};
use from::ValuesFile;
use values::Values;

/// Set up an environment: verify its keys and write them to its credential file
///
/// Prompts for missing values. The API must accept the keys before they are written to
/// `.env.terra.<environment>` in the working directory. Only you can read the file, and git ignores it.
/// Other lines of the file stay unchanged.
///
/// Keys are read from a file, standard input or the prompt. They are never arguments, because other
/// users could see those. With --keyring or a command, the credential file contains a reference
/// instead of the keys.
///
/// To set up several environments at once, use --all, which prompts, or --from once for each. Either
/// all files are written or none.
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
#[expect(clippy::struct_excessive_bools, reason = "each is a separate flag")]
pub(crate) struct Args {
    /// Dev-id, the public part of the credentials
    #[arg(long, value_name = "ID")]
    dev_id: Option<DevId>,
    /// Read the API key from the first line of standard input, like --api-key-file -
    #[arg(long, group = "api_key")]
    api_key_stdin: bool,
    /// Read the API key from the first line of a file, or of standard input (-)
    #[arg(long, group = "api_key", value_name = "FILE", value_hint = ValueHint::FilePath)]
    api_key_file: Option<PathBuf>,
    /// Command that prints the API key; run without a shell each time the key is needed
    #[arg(long, group = "api_key", value_name = "COMMAND")]
    api_key_command: Option<String>,
    /// Read the signing secret from standard input, from the line after the API key if both are there
    #[arg(long, group = "signing_secret")]
    signing_secret_stdin: bool,
    /// Read the signing secret, which verifies webhooks, from the first line of a file, or of standard input (-)
    #[arg(long, group = "signing_secret", value_name = "FILE", value_hint = ValueHint::FilePath)]
    signing_secret_file: Option<PathBuf>,
    /// Command that prints the signing secret; run each time the secret is needed
    #[arg(long, group = "signing_secret", value_name = "COMMAND")]
    signing_secret_command: Option<String>,
    /// Read all values from a dotenv file, or from standard input (-); repeatable, once per environment
    ///
    /// The file has the variables of a credential file. They are for the environment before the `=`,
    /// else for --env. A variable with the prefix `TESTING_`, `STAGING_` or `PRODUCTION_`, such as
    /// `STAGING_TERRA_API_KEY`, is for that environment.
    #[arg(long, value_name = "[ENV=]FILE", value_parser = from::parser(), conflicts_with_all = ["dev_id", "api_key", "signing_secret", "all"])]
    from: Vec<ValuesFile>,
    /// Prompt for the keys of testing, staging and production
    #[arg(long, conflicts_with_all = ["dev_id", "api_key", "signing_secret"])]
    all: bool,
    /// Store the secrets in the operating system's keyring; the file contains references
    #[arg(long)]
    keyring: bool,
    /// URL of the API [default: the hosted API]
    #[arg(long, value_name = "URL")]
    api_url: Option<String>,
    /// URL of the widget [default: derived from the API]
    #[arg(long, value_name = "URL")]
    widget_url: Option<String>,
    /// URL of the streaming socket [default: derived from the API]
    #[arg(long, value_name = "URL")]
    streaming_url: Option<String>,
    /// Write the keys without verifying them with the API
    #[arg(long)]
    no_verify: bool,
    /// Replace existing keys in the file without a confirmation
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    dry_run: DryRun,
}

/// The planned changes to one environment's file.
struct Plan {
    environment: Environment,
    file: CredentialFile,
    /// Addresses from the existing file, if it is not trusted.
    addresses: Vec<(&'static str, String)>,
    values: Values,
    credentials: Credentials,
    /// The number of enabled providers. `None` if the keys were not verified.
    providers: Option<usize>,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let mut plans = Vec::new();
        for (environment, given) in self.given(app.environment)? {
            plans.extend(self.plan(environment, &given)?);
        }
        if plans.is_empty() {
            return Err(CommandError::new(FailureKind::Misused, "no keys given", "see --help").into());
        }
        reject_shared_keys(&plans)?;
        plans.iter().try_for_each(|plan| self.confirm_replacement(plan))?;
        plans.iter_mut().try_for_each(|plan| self.confirm_untrusted_addresses(plan))?;
        if !self.no_verify {
            from::verify_all(&mut plans)?;
        }
        plans.iter().try_for_each(|plan| report::warn_about_changes(app, plan, self.keyring))?;
        let names: Vec<_> = plans.iter().map(|plan| plan.file.name.as_str()).collect();
        if self.dry_run.report(app.ui, &format!("write {}", names.join(", ")), &json!({ "write": names }))? {
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
        report::print_result(app, &plans)
    }

    /// Plans the changes for one environment. `None` if the user skips it.
    fn plan(&self, environment: Environment, given: &Values) -> anyhow::Result<Option<Plan>> {
        let file = CredentialFile::open(environment)?;
        let addresses = self.untrusted_addresses(&file, given)?;
        let Some(values) = self.complete_values(environment, given, &file)? else { return Ok(None) };
        let credentials = credentials(environment, &file, &values)?;
        Ok(Some(Plan { environment, file, addresses, values, credentials, providers: None }))
    }

    /// The addresses in an untrusted file that no option replaces. Rejects a program or keyring entry in such a file.
    fn untrusted_addresses(
        &self,
        file: &CredentialFile,
        given: &Values,
    ) -> anyhow::Result<Vec<(&'static str, String)>> {
        if file.trust == Trust::Trusted {
            return Ok(Vec::new());
        }
        let flags = [(API_URL, &self.api_url), (WIDGET_URL, &self.widget_url), (STREAMING_URL, &self.streaming_url)];
        let is_given =
            |key: &str| given.get(key).is_some() || flags.iter().any(|(url, flag)| *url == key && flag.is_some());
        let mut addresses = Vec::new();
        for key in VARIABLES.into_iter().filter(|key| !is_given(key)) {
            let Some(existing) = file.value(key) else { continue };
            if key.ends_with("_URL") {
                let is_terras = existing.parse().is_ok_and(|url| is_hosted_server(&url));
                addresses.extend((!is_terras).then(|| (key, existing.to_owned())));
            } else if !matches!(Reference::parse(existing), Ok(None)) {
                return Err(not_trusted(&file.name, key, existing).into());
            }
        }
        Ok(addresses)
    }

    /// Asks before a new key is sent to an address from an untrusted file.
    fn confirm_untrusted_addresses(&self, Plan { file, values, addresses, .. }: &mut Plan) -> anyhow::Result<()> {
        let is_new = values.get(API_KEY) != file.value(API_KEY);
        let address = addresses.iter().find(|(key, _)| *key != WIDGET_URL).filter(|_| is_new && !self.no_verify);
        if let Some((key, value)) = address {
            let question = format!("{} is not trusted, and contains {key}={value}. Send the key there?", file.name);
            if !(prompt::has_terminal() && prompt::confirm(&question)?) {
                return Err(not_trusted(&file.name, key, value).into());
            }
            addresses.clear();
        }
        file.agreed = addresses.is_empty();
        Ok(())
    }

    fn confirm_replacement(&self, Plan { file, values, .. }: &Plan) -> anyhow::Result<()> {
        let differs = |(key, value): &&(&str, String)| file.value(key).is_some_and(|existing| existing != value);
        let replaced: Vec<&str> = values.0.iter().filter(differs).map(|(key, _)| *key).collect();
        if replaced.is_empty() || self.yes {
            return Ok(());
        }
        let (replaced, name) = (replaced.join(", "), &file.name);
        if prompt::has_terminal() && prompt::confirm(&format!("{name} has a different {replaced}. Replace it?"))? {
            return Ok(());
        }
        let message = format!("{name} has a different {replaced}; nothing was changed");
        Err(CommandError::new(FailureKind::NotConfirmed, message, "add --yes to replace it").into())
    }
}

fn not_trusted(name: &str, key: &str, value: &str) -> CommandError {
    let message = format!("{name} is not trusted, and contains {key}={value}; nothing was sent or run");
    let next =
        format!("review the file, then run `terra-auth env trust {name}`; or pass the value of {key} as an option");
    CommandError::new(FailureKind::NotConfirmed, message, next)
}

impl Plan {
    /// Stores the secrets in the keyring if requested, and sets all values in the file's text.
    fn prepare(&mut self, keyring: bool) -> anyhow::Result<()> {
        if keyring {
            self.values = report::store_in_keyring(self)?;
        }
        for (key, value) in &self.values.0 {
            report::check_portable(key, value)?;
            self.file.entries.set(key, value);
        }
        Ok(())
    }

    /// Checks that the client reads the written values.
    fn read_back(&self) -> anyhow::Result<()> {
        let written = UnresolvedCredentials::find(self.environment, Path::new(""), &|_| None)?;
        let name = &self.file.name;
        anyhow::ensure!(
            self.values.0.iter().all(|(key, value)| written.text(key) == Some(value.trim())),
            "wrote {name}, but another program has changed it since; check it with `terra-auth env show`"
        );
        if self.providers.is_some() {
            verified::record(&written);
        }
        Ok(())
    }
}

/// The credentials that the file will contain, validated by the client.
fn credentials(environment: Environment, file: &CredentialFile, values: &Values) -> anyhow::Result<Credentials> {
    let value = |key: &str| values.get(key).or_else(|| file.value(key).filter(|_| key != ENV)).map(str::to_owned);
    let refused = |error| match error {
        CredentialsError::Invalid { key, problem, .. } => {
            CommandError::new(FailureKind::Misused, format!("{key} {problem}"), "pass another value; see --help").into()
        }
        CredentialsError::SharedKey { key, other, elsewhere, .. } => {
            let message = format!("this {key} is already in {other}'s file {elsewhere}");
            let next = format!("each environment has its own keys: pass those of {environment}, or fix that file");
            CommandError::new(FailureKind::Misused, message, next).into()
        }
        error => anyhow::Error::new(error),
    };
    Credentials::load_from(environment, Path::new(""), &value).map_err(refused)
}

/// Rejects equal keys for two environments. Each environment has its own keys.
fn reject_shared_keys(plans: &[Plan]) -> anyhow::Result<()> {
    let pairs = plans.iter().enumerate().flat_map(|(at, a)| plans[at + 1..].iter().map(move |b| (a, b)));
    for (Plan { credentials: a, .. }, Plan { credentials: b, .. }) in pairs {
        let same = [(DEV_ID, a.dev_id == b.dev_id), (API_KEY, a.api_key.expose() == b.api_key.expose())];
        if let Some((key, _)) = same.into_iter().find(|(_, same)| *same) {
            let message = format!("{} and {} have the same {key}; nothing was written", a.environment, b.environment);
            return Err(CommandError::new(
                FailureKind::Misused,
                message,
                "each environment has its own keys: fix one of them",
            )
            .into());
        }
    }
    Ok(())
}
