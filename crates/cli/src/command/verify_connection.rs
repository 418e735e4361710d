use anyhow::Context as _;
use futures_util::future;
use serde_json::{Value, json};
use terra_auth::{Client, Credentials, Environment};

use crate::{
    app::{self, App},
    failure::{Advice, Kind},
    ui::Ui,
    verified,
};

/// Check that the API answers and accepts the keys
///
/// Makes a call that only both keys open, then counts the providers that the environment offers.
///
/// `--env all` checks testing, staging and production at the same time and prints a line for each. An environment without
/// keys counts as failed. The exit code is that of the worst: 3 before 8, 8 before 1 and 4, those before 5 and 6.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth verify-connection",
    "terra-auth verify-connection --env production --output json",
    "terra-auth verify-connection --env all",
])]
pub(crate) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "every command runs alike")]
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let client = app.client()?;
        let providers = app::wait(providers(&client))??;
        app.ui.result(|| connected(providers), &as_json(&client, providers))
    }

    #[expect(clippy::unused_self, reason = "every command runs alike")]
    pub(crate) fn run_for_all(self, ui: Ui) -> anyhow::Result<()> {
        let clients: Vec<_> = Environment::ALL.into_iter().map(|one| (one, client(ui, one))).collect();
        let verify = async |(environment, client): (Environment, anyhow::Result<Client>)| Verified {
            environment,
            outcome: match client {
                Ok(client) => providers(&client).await.map(|providers| (client, providers)),
                Err(error) => Err(error),
            },
        };
        let all = app::wait(future::join_all(clients.into_iter().map(verify)))?;
        let json: Vec<Value> = all.iter().map(Verified::json).collect();
        ui.result(|| all.iter().map(Verified::line).collect::<Vec<_>>().join("\n"), &json)?;
        let failed: Vec<Kind> = all.iter().filter_map(Verified::failure).collect();
        let Some(worst) = failed.iter().copied().min_by_key(|kind| severity(*kind)) else { return Ok(()) };
        let message = format!("{} of {} environments could not be verified", failed.len(), all.len());
        Err(Advice::new(worst, message, "ask one alone, with --env NAME --verbose").into())
    }
}

/// What came of one environment.
struct Verified {
    environment: Environment,
    outcome: anyhow::Result<(Client, usize)>,
}

impl Verified {
    fn line(&self) -> String {
        let told = match &self.outcome {
            Ok((_, providers)) => connected(*providers),
            Err(error) => format!("{error:#}"),
        };
        format!("{:<12}{told}", self.environment.as_str())
    }

    fn json(&self) -> Value {
        match &self.outcome {
            Ok((client, providers)) => as_json(client, *providers),
            Err(error) => {
                let kind = Kind::of(error);
                json!({
                    "connected": false, "environment": self.environment, "error": format!("{error:#}"),
                    "kind": kind.name(), "exit_code": kind as u8,
                })
            }
        }
    }

    fn failure(&self) -> Option<Kind> {
        self.outcome.as_ref().err().map(Kind::of)
    }
}

/// First what only other keys change, then what is missing, then what may pass by itself.
const fn severity(kind: Kind) -> u8 {
    match kind {
        Kind::NotAllowed => 0,
        Kind::NoCredentials => 1,
        Kind::NoAnswer | Kind::TooMany => 3,
        _ => 2,
    }
}

fn client(ui: Ui, environment: Environment) -> anyhow::Result<Client> {
    let credentials = Credentials::load(environment)?;
    for notice in &credentials.notices {
        ui.warn(&format!("{environment}: {notice}"))?;
    }
    Ok(Client::new(credentials)?)
}

/// How many the environment offers, once the keys are accepted; that is remembered.
async fn providers(client: &Client) -> anyhow::Result<usize> {
    let integrations = client.verify_connection().await.context("could not verify the connection")?;
    let written = app::written(client.environment())?;
    verified::remember(&written);
    Ok(integrations.iter().filter(|integration| integration.enabled).count())
}

fn connected(providers: usize) -> String {
    format!("Connected! {providers} providers available")
}

fn as_json(client: &Client, providers: usize) -> Value {
    let (environment, dev_id) = (client.environment(), client.dev_id());
    json!({ "connected": true, "providers": providers, "environment": environment, "dev_id": dev_id })
}
