use std::{
    fs::{self, File},
    io::{self, Read},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use clap::{ArgGroup, ValueHint};
use serde_json::json;
use terra_auth::{
    Credentials, Environment, SigningSecret,
    credentials::{SIGNING_SECRET, folder_of},
    webhook::{DEFAULT_TOLERANCE, Verifier, VerifyError},
};

use crate::{
    app::{self, App},
    failure::{Advice, Kind},
};

/// Check the signature of a webhook that was received
///
/// The body must be the very bytes that came over the network: JSON written anew has another signature. The signing secret
/// is the environment's `TERRA_SIGNING_SECRET`.
#[derive(clap::Args)]
#[command(group = ArgGroup::new("header").required(true))]
#[command(after_help = examples![
    "terra-auth verify-webhook --signature 't=1893456000,v1=…' --body delivery.json",
    "terra-auth verify-webhook --header-file signature.txt --at 1893456000 < delivery.json",
])]
pub(crate) struct Args {
    /// The value of the delivery's terra-signature header
    #[arg(long, value_name = "HEADER", group = "header")]
    signature: Option<String>,
    /// A file with that value
    #[arg(long, value_name = "FILE", group = "header", value_hint = ValueHint::FilePath)]
    header_file: Option<PathBuf>,
    /// A file with the body [default: standard input]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    body: Option<PathBuf>,
    /// How many seconds the signature's time may differ, either way
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_TOLERANCE.as_secs())]
    tolerance: u64,
    /// When the webhook was received, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    at: Option<i64>,
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let credentials = app.credentials()?;
        let secret = credentials.signing_secret.as_ref().ok_or_else(|| no_secret(app.environment))?;
        let (header, body) = (self.header()?, self.body()?);
        let now = self.at.unwrap_or_else(|| app::now().as_second());
        let verifier = verifier(credentials.signing_secrets()).with_tolerance(Duration::from_secs(self.tolerance));
        match verifier.verify(header.trim(), &body, now) {
            Ok(_) => app.ui.result(|| "Verified".to_owned(), &json!({ "verified": true })),
            Err(error) => {
                let next = advice(app.environment, error, header.trim(), &body, secret);
                let refused = Advice::new(Kind::NotVerified, "the webhook is not verified", next);
                Err(anyhow::Error::new(error).context(refused))
            }
        }
    }

    fn header(&self) -> anyhow::Result<String> {
        match (&self.signature, &self.header_file) {
            (Some(header), _) => Ok(header.clone()),
            (None, Some(file)) => {
                fs::read_to_string(file).with_context(|| format!("could not read {}", file.display()))
            }
            (None, None) => unreachable!("clap asks for one of the two"),
        }
    }

    fn body(&self) -> anyhow::Result<Vec<u8>> {
        match &self.body {
            Some(file) => {
                File::open(file).and_then(whole).with_context(|| format!("could not read {}", file.display()))
            }
            None => whole(io::stdin()).context("could not read the body from standard input"),
        }
    }
}

/// The largest deliveries come in pieces of 10 MB.
const LONGEST_BODY: u64 = 64 * 1024 * 1024;

fn whole(source: impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if source.take(LONGEST_BODY + 1).read_to_end(&mut body)? as u64 > LONGEST_BODY {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 MiB"));
    }
    Ok(body)
}

fn verifier<'a>(secrets: impl IntoIterator<Item = &'a SigningSecret>) -> Verifier {
    Verifier::new(secrets.into_iter().map(SigningSecret::expose))
}

fn no_secret(environment: Environment) -> Advice {
    let next = format!("add it with `terra-auth setup-environment --env {environment} --signing-secret-file FILE`");
    Advice::new(Kind::NoCredentials, format!("{environment} has no {SIGNING_SECRET}"), next)
}

fn advice(environment: Environment, error: VerifyError, header: &str, body: &[u8], secret: &SigningSecret) -> String {
    let fits = |secret: &SigningSecret, body: &[u8]| {
        !matches!(verifier([secret]).verify(header, body, 0), Err(VerifyError::NoMatch))
    };
    match error {
        VerifyError::Malformed(_) | VerifyError::NoSignature => {
            "give the header's whole value, such as t=1893456000,v1=<64 hex digits>".to_owned()
        }
        VerifyError::Stale { .. } | VerifyError::FromTheFuture { .. } => {
            "give the time when it was received with --at; else it may be a replay, or a clock is wrong".to_owned()
        }
        VerifyError::NoMatch => match body.strip_suffix(b"\n") {
            Some(without) if fits(secret, without) => {
                "the signature fits without the line break at the body's end: something added it".to_owned()
            }
            _ => match others(environment).find(|(_, secret)| fits(secret, body)) {
                Some((other, _)) => format!("the signature fits {other}'s secret: choose it with --env {other}"),
                None => "check that the body is as it came over the network, and the secret is this destination's"
                    .to_owned(),
            },
        },
    }
}

/// The secrets of the other environments, as far as they can be read.
fn others(environment: Environment) -> impl Iterator<Item = (Environment, SigningSecret)> {
    let others = Environment::ALL.into_iter().filter(move |other| *other != environment);
    let secret = |other| {
        Credentials::load_from(other, &folder_of(other), &|_| None).ok()?.signing_secret.map(|secret| (other, secret))
    };
    others.filter_map(secret)
}
