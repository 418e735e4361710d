use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::{
    app::{self, App},
    command::admin::access::AdminOptions,
    dry_run::DryRun,
    failure::{CommandError, FailureKind},
};
pub(crate) use terra_auth::{RawCall, RawCallResponse};

/// Call the API with your keys and print the response
///
/// The call goes to the server in the credential file. Keys are never sent to another address, and
/// redirects are not followed. Fields become query parameters for GET, HEAD and DELETE, and a JSON
/// body for any other method.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth api GET /v2/userInfo -f reference_id=alice",
    "terra-auth api POST /v2/auth/generateWidgetSession -f reference_id=alice -f providers=FITBIT",
    "terra-auth api GET /api/v3/admin/environments --admin",
    "echo '{\"name\":\"Acme\"}' | terra-auth api PATCH /api/v3/admin/environments/acme-testing-0000000000 --admin --input -",
])]
pub(crate) struct Args {
    /// HTTP method, such as GET
    #[arg(value_parser = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"], ignore_case = true)]
    method: String,
    /// Path on the server, such as /v2/userInfo
    path: String,
    /// Field with a text value, or with a JSON value as NAME:=VALUE; repeatable
    #[arg(short, long = "field", value_name = "NAME=VALUE", value_parser = field, conflicts_with = "input")]
    field: Vec<(String, Value)>,
    /// File to send as the body, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Authenticate with the admin token instead of the environment's keys
    #[arg(long)]
    admin: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: AdminOptions,
}

fn field(text: &str) -> Result<(String, Value), String> {
    let wrong = || "use name=value, or name:=5 for a JSON value".to_owned();
    let (name, value) = text.split_once('=').filter(|(name, _)| !["", ":"].contains(name)).ok_or_else(wrong)?;
    match name.strip_suffix(':') {
        Some(name) => Ok((name.to_owned(), serde_json::from_str(value).map_err(|_| wrong())?)),
        None => Ok((name.to_owned(), value.into())),
    }
}

impl Args {
    pub(crate) fn run(self, app: &App) -> anyhow::Result<()> {
        let call = self.call()?;
        let server = self.access.server(app)?;
        let url = call.url(&server);
        if self.dry_run.report(
            app.ui,
            &format!("call {} {url}", self.method),
            &json!({ "method": self.method, "url": url }),
        )? {
            return Ok(());
        }
        let answer = if self.admin {
            app::block_on(self.access.client_for(app, &server)?.raw(call))??
        } else {
            self.reject_server_option()?;
            app::block_on(app.client()?.raw(call))??
        };
        show(app, &answer)?;
        check_status(&answer)
    }

    /// The keys of an environment are only sent to the server in its credential file.
    fn reject_server_option(&self) -> anyhow::Result<()> {
        if self.access.server.is_none() {
            return Ok(());
        }
        let next = "add --admin, or set TERRA_API_URL in the credential file";
        Err(CommandError::new(FailureKind::Misused, "--server requires --admin", next).into())
    }

    fn call(&self) -> anyhow::Result<RawCall> {
        let misused = |error: terra_auth::InvalidRawCall| {
            CommandError::new(FailureKind::Misused, error.to_string(), "see `terra-auth api --help`")
        };
        let mut call = RawCall::new(&self.method, &self.path).map_err(misused)?;
        if let Some(input) = &self.input {
            return Ok(call.body(read_body(input)?));
        }
        if self.field.is_empty() {
            return Ok(call);
        }
        if ["GET", "HEAD", "DELETE"].contains(&&*self.method.to_ascii_uppercase()) {
            for (name, value) in &self.field {
                call = call.query(name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            }
            return Ok(call);
        }
        let body: Map<String, Value> = self.field.iter().cloned().collect();
        Ok(call.body(serde_json::to_vec(&body)?))
    }
}

/// Upper bound on the size of a request body that the API accepts.
const MAX_BODY_BYTES: u64 = 64 << 20;

fn read_body(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().take(MAX_BODY_BYTES).read_to_end(&mut body)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(MAX_BODY_BYTES).read_to_end(&mut body))
    };
    read.with_context(|| format!("could not read {}", file.display()))?;
    Ok(body)
}

/// Prints a JSON body in the requested format, and any other body unchanged.
fn show(app: &App, answer: &RawCallResponse) -> anyhow::Result<()> {
    if let Ok(json) = serde_json::from_slice::<Value>(&answer.body) {
        return app.ui.result(|| serde_json::to_string_pretty(&json).unwrap_or_default(), &json);
    }
    let text = crate::terminal::ui::shown_lines(&String::from_utf8_lossy(&answer.body));
    app.ui.result(|| text.clone(), &text)
}

/// Turns an HTTP error status into the matching exit code.
fn check_status(answer: &RawCallResponse) -> anyhow::Result<()> {
    let kind = match answer.status {
        200..=299 => return Ok(()),
        401 | 403 => FailureKind::NotAllowed,
        404 => FailureKind::NotFound,
        429 => FailureKind::TooMany,
        _ => FailureKind::Failed,
    };
    let trace_id = answer.trace_id.as_ref().map(|id| format!(" (trace id {id})")).unwrap_or_default();
    let message = format!("the server answered {}{trace_id}", answer.status);
    Err(CommandError::new(kind, message, "read the response on standard output for the reason").into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::field;

    #[test]
    fn a_field_is_text_unless_it_is_marked_as_json() {
        let ok = |text: &str| field(text).unwrap();
        assert_eq!(ok("a=1"), ("a".to_owned(), json!("1")));
        assert_eq!(ok("a:=1"), ("a".to_owned(), json!(1)));
        assert_eq!(ok("url=https://x.example/?b=c"), ("url".to_owned(), json!("https://x.example/?b=c")));
        for bad in ["a", "=1", ":=1", "a:=nonsense"] {
            assert!(field(bad).is_err(), "{bad}");
        }
    }
}
