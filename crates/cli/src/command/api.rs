use std::{
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use terra_auth::{RawAnswer, RawCall};

use crate::{
    app::{self, App},
    command::admin::access::Access,
    dry_run::DryRun,
    failure::{Advice, Kind},
};

/// Call the API with your keys and print the answer
///
/// The path is one on the server that the credential file names: keys go nowhere else, and a redirect is not followed. Fields
/// are parameters of the query for GET and DELETE, and a JSON body for any other method.
#[derive(clap::Args)]
#[command(after_help = examples![
    "terra-auth api GET /v2/userInfo -f reference_id=alice",
    "terra-auth api POST /v2/auth/generateWidgetSession -f reference_id=alice -f providers=FITBIT",
    "terra-auth api GET /api/v3/admin/environments --admin",
    "echo '{\"name\":\"Acme\"}' | terra-auth api PATCH /api/v3/admin/environments/acme-testing-0000000000 --admin --input -",
])]
pub(crate) struct Args {
    /// The method, such as GET
    #[arg(value_parser = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"], ignore_case = true)]
    method: String,
    /// The path on the server, such as /v2/userInfo
    path: String,
    /// A field; text, or JSON if it is written NAME:=VALUE. May be repeated
    #[arg(short, long = "field", value_name = "NAME=VALUE", value_parser = field, conflicts_with = "input")]
    field: Vec<(String, Value)>,
    /// Send this file as the body, or standard input with `-`
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Call with the admin token instead of the keys of the environment
    #[arg(long)]
    admin: bool,
    #[command(flatten)]
    dry_run: DryRun,
    #[command(flatten)]
    access: Access,
}

fn field(text: &str) -> Result<(String, Value), String> {
    let wrong = || "write it like name=value, or name:=5 for JSON".to_owned();
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
        if self.dry_run.stops(
            app.ui,
            &format!("call {} {url}", self.method),
            &json!({ "method": self.method, "url": url }),
        )? {
            return Ok(());
        }
        let answer = if self.admin {
            app::wait(self.access.open_at(app, &server)?.raw(call))??
        } else {
            self.refuse_another_server()?;
            app::wait(app.client()?.raw(call))??
        };
        show(app, &answer)?;
        judge(&answer)
    }

    /// The keys of an environment are for the server of its credential file.
    fn refuse_another_server(&self) -> anyhow::Result<()> {
        if self.access.server.is_none() {
            return Ok(());
        }
        let next = "add --admin, or set TERRA_API_URL in the credential file";
        Err(Advice::new(Kind::Misused, "--server is for calls with an admin token", next).into())
    }

    fn call(&self) -> anyhow::Result<RawCall> {
        let misused = |error: terra_auth::InvalidRawCall| {
            Advice::new(Kind::Misused, error.to_string(), "see `terra-auth api --help`")
        };
        let mut call = RawCall::new(&self.method, &self.path).map_err(misused)?;
        if let Some(input) = &self.input {
            return Ok(call.body(read(input)?));
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

/// No body that the API takes is longer.
const MAX_BODY_BYTES: u64 = 64 << 20;

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    let read = if file == Path::new("-") {
        io::stdin().take(MAX_BODY_BYTES).read_to_end(&mut body)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(MAX_BODY_BYTES).read_to_end(&mut body))
    };
    read.with_context(|| format!("could not read {}", file.display()))?;
    Ok(body)
}

/// JSON in the form that was asked for; anything else as it is.
fn show(app: &App, answer: &RawAnswer) -> anyhow::Result<()> {
    if let Ok(json) = serde_json::from_slice::<Value>(&answer.body) {
        return app.ui.result(|| serde_json::to_string_pretty(&json).unwrap_or_default(), &json);
    }
    let text = crate::ui::shown_lines(&String::from_utf8_lossy(&answer.body));
    app.ui.result(|| text.clone(), &text)
}

/// The exit code says whether the server did it.
fn judge(answer: &RawAnswer) -> anyhow::Result<()> {
    let kind = match answer.status {
        200..=299 => return Ok(()),
        401 | 403 => Kind::NotAllowed,
        404 => Kind::NotFound,
        429 => Kind::TooMany,
        _ => Kind::Failed,
    };
    let trace_id = answer.trace_id.as_ref().map(|id| format!(" (trace id {id})")).unwrap_or_default();
    let message = format!("the server answered {}{trace_id}", answer.status);
    Err(Advice::new(kind, message, "the answer on standard output says why").into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::field;

    #[test]
    fn a_field_is_text_unless_it_says_json() {
        let ok = |text: &str| field(text).unwrap();
        assert_eq!(ok("a=1"), ("a".to_owned(), json!("1")));
        assert_eq!(ok("a:=1"), ("a".to_owned(), json!(1)));
        assert_eq!(ok("url=https://x.example/?b=c"), ("url".to_owned(), json!("https://x.example/?b=c")));
        for bad in ["a", "=1", ":=1", "a:=nonsense"] {
            assert!(field(bad).is_err(), "{bad}");
        }
    }
}
