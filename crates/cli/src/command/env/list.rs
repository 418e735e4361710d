use jiff::Timestamp;
use serde_json::{Value, json};
use terra_auth::{
    CredentialsError, Environment,
    credentials::{
        API_KEY, API_URL, DEV_ID, ENV, SIGNING_SECRET, UnresolvedCredentials, credential_folder, variable_of,
    },
};

use crate::{
    app::App,
    command::{
        env::{external_reference, masked_or_reference},
        users::format_minute,
    },
    credentials::{variable, verified},
    terminal::ui::{Ui, table},
};

/// List the environments with their keys, the source of each, and when the API last accepted them
///
/// Makes no API calls and does not resolve external key references. Keys in the process environment
/// are listed on their own line, because they override the files. Variables that name an
/// environment, such as `TERRA_API_KEY_TESTING`, override both.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth env list",
    "terra-auth env list --output json | jq -r '.[] | select(.problem) | .environment'",
])]
pub(crate) struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "all commands have the same signature")]
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let files = Environment::ALL.map(|environment| {
            (
                environment.to_string(),
                UnresolvedCredentials::find(environment, &credential_folder(environment), &|_| None),
            )
        });
        let process = plain_keys_of_process().map(|found| ("(process)".to_owned(), found));
        let own = Environment::ALL.into_iter().filter_map(named_keys_of_process);
        let lines: Vec<Line> =
            files.into_iter().chain(process).chain(own).map(|(name, found)| Line::of(app.ui, name, found)).collect();
        let json: Vec<Value> = lines.iter().map(Line::json).collect();
        let header = ["environment", "dev-id", "API key", "signing secret", "API", "from", "last verified"];
        app.ui.result(|| table(header, lines.iter().map(Line::row)), &json)?;
        for line in &lines {
            line.problem.iter().try_for_each(|problem| app.ui.warn(problem))?;
        }
        Ok(())
    }
}

/// The keys of the process environment, complete or not, for whichever environment they are.
fn plain_keys_of_process() -> Option<Result<UnresolvedCredentials, CredentialsError>> {
    let environment = variable::text(ENV).and_then(|name| name.parse().ok()).unwrap_or_default();
    let set = variable::text(DEV_ID).or_else(|| variable::text(API_KEY)).is_some();
    let plain = |name: &str| name != ENV && !Environment::ALL.iter().any(|one| name.ends_with(&variable_of("", *one)));
    set.then(|| {
        UnresolvedCredentials::find(environment, &credential_folder(environment), &|name| {
            variable::text(name).filter(|_| plain(name))
        })
    })
}

/// The keys in the variables that name an environment, complete or not.
fn named_keys_of_process(
    environment: Environment,
) -> Option<(String, Result<UnresolvedCredentials, CredentialsError>)> {
    let set = [DEV_ID, API_KEY].into_iter().any(|key| variable::text(&variable_of(key, environment)).is_some());
    let own = |name: &str| name.ends_with(&variable_of("", environment));
    let find = || {
        UnresolvedCredentials::find(environment, &credential_folder(environment), &|name| {
            variable::text(name).filter(|_| own(name))
        })
    };
    set.then(|| (format!("{environment} (process)"), find()))
}

struct Line {
    environment: String,
    /// Dev-id, API key, signing secret, API, source.
    cells: [Option<String>; 5],
    verified: Option<Timestamp>,
    problem: Option<String>,
}

impl Line {
    fn of(ui: Ui, environment: String, found: Result<UnresolvedCredentials, CredentialsError>) -> Self {
        let nothing = Self { environment, cells: Default::default(), verified: None, problem: None };
        let written = match found {
            Ok(written) => written,
            Err(CredentialsError::NoFile { .. }) => return nothing,
            Err(error) => return Self { problem: Some(error.to_string()), ..nothing },
        };
        let text = |key| written.text(key).map(str::to_owned);
        let secrets = [API_KEY, SIGNING_SECRET].map(|key| masked_or_reference(ui, &written, key));
        let [api_key, signing_secret] = secrets;
        let cells = [text(DEV_ID), api_key, signing_secret, text(API_URL), Some(written.source().to_string())];
        Self { cells, verified: verified::last_verified(&written), problem: problem(written), ..nothing }
    }

    fn row(&self) -> [String; 7] {
        let [dev_id, api_key, signing_secret, api_url, source] = self.cells.clone().map(Option::unwrap_or_default);
        let found = !source.is_empty();
        let api_url = if api_url.is_empty() && found { "hosted".to_owned() } else { api_url };
        let verified =
            self.verified.map(format_minute).or_else(|| found.then(|| "never".to_owned())).unwrap_or_default();
        let cells = [self.environment.clone(), dev_id, api_key, signing_secret, api_url, source, verified];
        cells.map(|cell| if cell.is_empty() { "–".to_owned() } else { cell })
    }

    fn json(&self) -> Value {
        let [dev_id, api_key, signing_secret, api_url, source] = &self.cells;
        json!({
            "environment": self.environment, "dev_id": dev_id, "api_key": api_key, "signing_secret": signing_secret,
            "api_url": api_url, "source": source, "last_verified": self.verified, "problem": self.problem,
        })
    }
}

/// The error in the values. `None` if a value is an external reference, because references are not resolved here.
fn problem(written: UnresolvedCredentials) -> Option<String> {
    let kept_elsewhere = [API_KEY, SIGNING_SECRET].into_iter().any(|key| external_reference(&written, key).is_some());
    if kept_elsewhere { None } else { written.resolve().err().map(|error| error.to_string()) }
}
