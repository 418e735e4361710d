use anyhow::Context as _;
use futures_util::future;
use serde_json::{Value, json};
use terra_auth::{Client, Credentials, Environment};

use crate::{
    app::{self, App},
    credentials::verified,
    failure::{CommandError, FailureKind},
    terminal::ui::Ui,
};

/// Verify that the API responds and accepts the keys
///
/// Makes a call that requires both keys, then counts the environment's enabled providers.
///
/// `--env all` verifies testing, staging and production at the same time, and prints a line for each.
/// An environment without keys counts as failed. The exit code is that of the worst failure: 3 before
/// 8, 8 before 1 and 4, these before 5 and 6.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth verify-connection",
    "terra-auth verify-connection --env production --output json",
    "terra-auth verify-connection --env all",
])]
pub(crate) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "all commands have the same signature")]
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let providers = app::block_on(providers(&client))??;
        app.ui.result(|| connected(providers), &as_json(&client, providers))
    }

    #[expect(clippy::unused_self, reason = "all commands have the same signature")]
    pub(crate) fn run_for_all(self, ui: Ui) -> anyhow::Result<()> {
        let clients: Vec<_> = Environment::ALL.into_iter().map(|one| (one, client(ui, one))).collect();
        let verify = async |(environment, client): (Environment, anyhow::Result<Client>)| VerificationResult {
            environment,
            outcome: match client {
                Ok(client) => providers(&client).await.map(|providers| (client, providers)),
                Err(error) => Err(error),
            },
        };
        let all = app::block_on(future::join_all(clients.into_iter().map(verify)))?;
        let json: Vec<Value> = all.iter().map(VerificationResult::json).collect();
        ui.result(|| all.iter().map(VerificationResult::line).collect::<Vec<_>>().join("\n"), &json)?;
        let failed: Vec<FailureKind> = all.iter().filter_map(VerificationResult::failure).collect();
        let Some(worst) = failed.iter().copied().min_by_key(|kind| failure_rank(*kind)) else { return Ok(()) };
        let message = format!("{} of {} environments could not be verified", failed.len(), all.len());
        Err(CommandError::new(worst, message, "verify one of them with --env NAME --verbose").into())
    }
}

/// The result of one environment.
struct VerificationResult {
    environment: Environment,
    outcome: anyhow::Result<(Client, usize)>,
}

impl VerificationResult {
    fn line(&self) -> String {
        let text = match &self.outcome {
            Ok((_, providers)) => connected(*providers),
            Err(error) => format!("{error:#}"),
        };
        format!("{:<12}{text}", self.environment.as_str())
    }

    fn json(&self) -> Value {
        match &self.outcome {
            Ok((client, providers)) => as_json(client, *providers),
            Err(error) => {
                let kind = FailureKind::of(error);
                json!({
                    "connected": false, "environment": self.environment, "error": format!("{error:#}"),
                    "kind": kind.name(), "exit_code": kind as u8,
                })
            }
        }
    }

    fn failure(&self) -> Option<FailureKind> {
        self.outcome.as_ref().err().map(FailureKind::of)
    }
}

/// The rank of a failure, worst first: wrong keys, missing keys, other failures, failures that may be temporary.
const fn failure_rank(kind: FailureKind) -> u8 {
    match kind {
        FailureKind::NotAllowed => 0,
        FailureKind::NoCredentials => 1,
        FailureKind::NoAnswer | FailureKind::TooMany => 3,
        _ => 2,
    }
}

fn client(ui: Ui, environment: Environment) -> anyhow::Result<Client> {
    let credentials = Credentials::load(environment)?;
    for notice in &credentials.warnings {
        ui.warn(&format!("{environment}: {notice}"))?;
    }
    Ok(Client::new(credentials)?)
}

/// The number of enabled providers. Also records when the API last accepted the keys.
async fn providers(client: &Client) -> anyhow::Result<usize> {
    let integrations = client.verify_connection().await.context("could not verify the connection")?;
    let written = app::unresolved_credentials(client.environment())?;
    verified::record(&written);
    Ok(integrations.iter().filter(|integration| integration.enabled).count())
}

fn connected(providers: usize) -> String {
    format!("Connected! {providers} providers available")
}

fn as_json(client: &Client, providers: usize) -> Value {
    let (environment, dev_id) = (client.environment(), client.dev_id());
    json!({ "connected": true, "providers": providers, "environment": environment, "dev_id": dev_id })
}
