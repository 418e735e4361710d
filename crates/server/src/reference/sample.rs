//! Code samples: one call in several languages.

use std::fmt::Write as _;

use serde_json::Value;
use utoipa::openapi::{RefOr, schema::Schema};

use super::{code, fields::Schemas};

/// The credentials of `terra-auth dev`, for samples that work without changes.
#[derive(Clone)]
pub struct Credentials {
    /// The environment.
    pub dev_id: String,
    /// Its API key.
    pub api_key: String,
    /// An owner's token, if there is one.
    pub admin_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("dev_id", &self.dev_id).finish_non_exhaustive()
    }
}

/// The authentication of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    Nothing,
    ApiKey,
    MobileToken,
    Admin,
}

/// One request.
pub(super) struct Call<'a> {
    pub(super) method: &'static str,
    pub(super) url: String,
    pub(super) proof: Proof,
    /// Other headers.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<(&'a Value, Option<&'a RefOr<Schema>>)>,
    pub(super) schemas: Schemas<'a>,
    pub(super) credentials: Option<&'a Credentials>,
}

/// A call in one language.
pub(super) struct Sample {
    pub(super) id: &'static str,
    pub(super) language: &'static str,
    pub(super) code: String,
}

/// The value of a header.
enum Secret<'a> {
    Known(&'a str),
    Variable(&'static str),
}

fn known<'a>(value: Option<&'a str>, variable: &'static str) -> Secret<'a> {
    value.map_or(Secret::Variable(variable), Secret::Known)
}

impl Call<'_> {
    pub(super) fn samples(&self) -> [Sample; 3] {
        [
            Sample { id: "curl", language: "curl", code: self.curl() },
            Sample { id: "python", language: "Python", code: self.python() },
            Sample { id: "javascript", language: "JavaScript", code: self.javascript() },
        ]
    }

    /// The headers that authenticate the call: name, prefix of the secret, secret.
    fn proofs(&self) -> Vec<(&'static str, &'static str, Secret<'_>)> {
        let credentials = self.credentials;
        let dev_id = || known(credentials.map(|known| known.dev_id.as_str()), "TERRA_DEV_ID");
        match self.proof {
            Proof::Nothing => Vec::new(),
            Proof::ApiKey => {
                let api_key = known(credentials.map(|known| known.api_key.as_str()), "TERRA_API_KEY");
                vec![("dev-id", "", dev_id()), ("x-api-key", "", api_key)]
            }
            Proof::MobileToken => {
                vec![("dev-id", "", dev_id()), ("authorization", "Bearer ", Secret::Variable("MOBILE_TOKEN"))]
            }
            Proof::Admin => {
                let token = credentials.and_then(|known| known.admin_token.as_deref());
                vec![("authorization", "Bearer ", known(token, "TERRA_AUTH_ADMIN_TOKEN"))]
            }
        }
    }

    fn curl(&self) -> String {
        let method = if self.method == "GET" { String::new() } else { format!(" -X {}", self.method) };
        let mut code = format!("curl{method} '{}'", self.url);
        for (name, prefix, secret) in self.proofs() {
            let _ = match secret {
                Secret::Known(value) => write!(code, " \\\n  -H '{name}: {prefix}{value}'"),
                Secret::Variable(variable) => write!(code, " \\\n  -H \"{name}: {prefix}${variable}\""),
            };
        }
        for (name, value) in &self.headers {
            let _ = write!(code, " \\\n  -H '{name}: {value}'");
        }
        if let Some((body, schema)) = self.body {
            let body = code::json(body, schema, self.schemas, 1).replace('\'', "'\\''");
            let _ = write!(code, " \\\n  -H 'content-type: application/json' \\\n  -d '{body}'");
        }
        code
    }

    fn python(&self) -> String {
        let mut headers = Vec::new();
        let mut needs_os = false;
        for (name, prefix, secret) in self.proofs() {
            headers.push(match secret {
                Secret::Known(value) => format!("\"{name}\": \"{prefix}{value}\""),
                Secret::Variable(variable) => {
                    needs_os = true;
                    let before = if prefix.is_empty() { String::new() } else { format!("\"{prefix}\" + ") };
                    format!("\"{name}\": {before}os.environ[\"{variable}\"]")
                }
            });
        }
        headers.extend(self.headers.iter().map(|(name, value)| format!("\"{name}\": \"{value}\"")));
        let import = if needs_os { "import os\n\nimport requests" } else { "import requests" };
        let mut code =
            format!("{import}\n\nanswer = requests.{}(\n    \"{}\",\n", self.method.to_lowercase(), self.url);
        if !headers.is_empty() {
            let _ = writeln!(code, "    headers={{\n        {},\n    }},", headers.join(",\n        "));
        }
        if let Some((body, schema)) = self.body {
            let _ = writeln!(code, "    json={},", code::python(body, schema, self.schemas, 2));
        }
        code + ")\nprint(answer.status_code, answer.text)"
    }

    fn javascript(&self) -> String {
        let mut headers = Vec::new();
        for (name, prefix, secret) in self.proofs() {
            headers.push(match secret {
                Secret::Known(value) => format!("\"{name}\": \"{prefix}{value}\""),
                Secret::Variable(variable) if prefix.is_empty() => format!("\"{name}\": process.env.{variable}"),
                Secret::Variable(variable) => format!("\"{name}\": `{prefix}${{process.env.{variable}}}`"),
            });
        }
        headers.extend(self.headers.iter().map(|(name, value)| format!("\"{name}\": \"{value}\"")));
        if self.body.is_some() {
            headers.push("\"content-type\": \"application/json\"".to_owned());
        }
        let mut code = format!("const answer = await fetch(\"{}\", {{\n", self.url);
        if self.method != "GET" {
            let _ = writeln!(code, "  method: \"{}\",", self.method);
        }
        if !headers.is_empty() {
            let _ = writeln!(code, "  headers: {{\n    {},\n  }},", headers.join(",\n    "));
        }
        if let Some((body, schema)) = self.body {
            let _ = writeln!(code, "  body: JSON.stringify({}),", code::json(body, schema, self.schemas, 1));
        }
        code + "});\nconsole.log(answer.status, await answer.text());"
    }
}
