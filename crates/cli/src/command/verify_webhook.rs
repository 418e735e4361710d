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
    credentials::{SIGNING_SECRET, credential_folder},
    webhook::{DEFAULT_TOLERANCE, Verifier, VerifyError},
};

use crate::{
    app::{self, App},
    failure::{CommandError, FailureKind},
};

/// Verify the signature of a received webhook
///
/// The body must be exactly the bytes that were received, because JSON that was parsed and serialised
/// again has a different signature. The signing secret is the environment's `TERRA_SIGNING_SECRET`.
#[derive(clap::Args)]
#[command(group = ArgGroup::new("header").required(true))]
#[command(after_help = examples![
    "terra-auth verify-webhook --signature 't=1893456000,v1=…' --body delivery.json",
    "terra-auth verify-webhook --header-file signature.txt --at 1893456000 < delivery.json",
])]
pub(crate) struct Args {
    /// Value of the delivery's terra-signature header
    #[arg(long, value_name = "HEADER", group = "header")]
    signature: Option<String>,
    /// File with that value
    #[arg(long, value_name = "FILE", group = "header", value_hint = ValueHint::FilePath)]
    header_file: Option<PathBuf>,
    /// File with the body [default: standard input]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    body: Option<PathBuf>,
    /// Maximum difference between the signature's time and --at, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_TOLERANCE.as_secs())]
    tolerance: u64,
    /// Time at which the webhook was received, in seconds since 1970 [default: now]
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
                let next = remedy(app.environment, error, header.trim(), &body, secret);
                let refused = CommandError::new(FailureKind::NotVerified, "the webhook is not verified", next);
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
            (None, None) => unreachable!("clap requires one of the two"),
        }
    }

    fn body(&self) -> anyhow::Result<Vec<u8>> {
        match &self.body {
            Some(file) => {
                File::open(file).and_then(read_body).with_context(|| format!("could not read {}", file.display()))
            }
            None => read_body(io::stdin()).context("could not read the body from standard input"),
        }
    }
}

/// Upper bound on the size of a body. Large deliveries are split into pieces of 10 MB.
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;

fn read_body(source: impl Read) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if source.take(MAX_BODY_BYTES + 1).read_to_end(&mut body)? as u64 > MAX_BODY_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 MiB"));
    }
    Ok(body)
}

fn verifier<'a>(secrets: impl IntoIterator<Item = &'a SigningSecret>) -> Verifier {
    Verifier::new(secrets.into_iter().map(SigningSecret::expose))
}

fn no_secret(environment: Environment) -> CommandError {
    let next = format!("add it with `terra-auth setup-environment --env {environment} --signing-secret-file FILE`");
    CommandError::new(FailureKind::NoCredentials, format!("{environment} has no {SIGNING_SECRET}"), next)
}

fn remedy(environment: Environment, error: VerifyError, header: &str, body: &[u8], secret: &SigningSecret) -> String {
    let fits = |secret: &SigningSecret, body: &[u8]| {
        !matches!(verifier([secret]).verify(header, body, 0), Err(VerifyError::NoMatch))
    };
    match error {
        VerifyError::Malformed(_) | VerifyError::NoSignature => {
            "pass the full value of the header, such as t=1893456000,v1=<64 hex digits>".to_owned()
        }
        VerifyError::Stale { .. } | VerifyError::FromTheFuture { .. } => {
            "pass the time at which it was received with --at; otherwise it may be a replay, or a clock is wrong"
                .to_owned()
        }
        VerifyError::NoMatch => match body.strip_suffix(b"\n") {
            Some(without) if fits(secret, without) => {
                "remove the line break at the end of the body; the signature matches without it".to_owned()
            }
            _ => match other_secrets(environment).find(|(_, secret)| fits(secret, body)) {
                Some((other, _)) => format!("the signature matches {other}'s secret; select it with --env {other}"),
                None => "check that the body is exactly as received, and that the secret belongs to this destination"
                    .to_owned(),
            },
        },
    }
}

/// The signing secrets of the other environments that can be read.
fn other_secrets(environment: Environment) -> impl Iterator<Item = (Environment, SigningSecret)> {
    let others = Environment::ALL.into_iter().filter(move |other| *other != environment);
    let secret = |other| {
        Credentials::load_from(other, &credential_folder(other), &|_| None)
            .ok()?
            .signing_secret
            .map(|secret| (other, secret))
    };
    others.filter_map(secret)
}
