//! The page of one operation or event.

use askama::Template;
use serde_json::Value;
use utoipa::openapi::{
    Content, RefOr, Required,
    path::{Parameter, ParameterIn},
    schema::Schema,
};

use super::{
    Credentials, Entry, Reference, Section, code,
    fields::{Field, Schemas},
    sample::{Call, Proof, Sample},
    text,
};

#[derive(Template)]
#[template(path = "reference/operation.html")]
pub(super) struct Page<'a> {
    sections: Vec<Section<'a>>,
    current: &'a str,
    query: &'a str,
    title: &'a str,
    entry: Entry<'a>,
    proof: Proof,
    /// The parameters, grouped by their location.
    parameters: Vec<(&'static str, Vec<Field>)>,
    body: Option<Body>,
    answers: Vec<ResponseDoc>,
    samples: Vec<Sample>,
    is_preauthorised: bool,
}

/// A body of a request or response.
struct Body {
    is_optional: bool,
    fields: Vec<Field>,
    /// Names and HTML. A single example needs no name.
    examples: Vec<(String, String)>,
}

struct ResponseDoc {
    status: String,
    description: String,
    body: Option<Body>,
}

impl<'a> Page<'a> {
    pub(super) fn new(reference: &'a Reference, entry: Entry<'a>, credentials: Option<&Credentials>) -> Self {
        let schemas = Schemas(reference.schemas());
        let proof = proof(&entry);
        let samples = if entry.is_event() { Vec::new() } else { call(reference, &entry, credentials).samples().into() };
        let all = parameters(&entry);
        let places = [("Path", ParameterIn::Path), ("Query", ParameterIn::Query), ("Headers", ParameterIn::Header)];
        let in_place = |place: &ParameterIn| {
            let here = all.iter().filter(|parameter| parameter.parameter_in == *place);
            here.filter_map(|parameter| field(parameter, schemas)).collect::<Vec<_>>()
        };
        let parameters = places.iter().map(|(name, place)| (*name, in_place(place)));
        Self {
            sections: reference.sections(""),
            current: entry.id,
            title: entry.summary,
            query: "",
            proof,
            parameters: parameters.filter(|(_, fields)| !fields.is_empty()).collect(),
            body: request(&entry).map(|(content, is_optional)| body(content, is_optional, schemas)),
            answers: answers(&entry, schemas),
            samples,
            is_preauthorised: credentials.is_some(),
            entry,
        }
    }

    fn heading(&self) -> String {
        self.entry.heading()
    }

    fn description(&self) -> String {
        text::paragraphs(self.entry.operation.description.as_deref().unwrap_or_default())
    }
}

/// The authentication that the document declares.
fn proof(entry: &Entry) -> Proof {
    if entry.is_event() {
        return Proof::Nothing;
    }
    let Some(security) = &entry.operation.security else {
        return Proof::ApiKey;
    };
    let names = serde_json::to_value(security).unwrap_or_default().to_string();
    if names.contains("\"api_key\"") {
        Proof::ApiKey
    } else if names.contains("\"mobile_token\"") {
        Proof::MobileToken
    } else if names.contains("\"admin\"") {
        Proof::Admin
    } else {
        Proof::Nothing
    }
}

fn parameters<'a>(entry: &Entry<'a>) -> Vec<&'a Parameter> {
    let all = entry.operation.parameters.iter().flatten();
    all.filter_map(|parameter| if let RefOr::T(parameter) = parameter { Some(parameter) } else { None }).collect()
}

fn field(parameter: &Parameter, schemas: Schemas) -> Option<Field> {
    let schema = parameter.schema.as_ref()?;
    let required = parameter.required == Required::True;
    let described = schemas.field(parameter.name.clone(), schema, required);
    let description = parameter.description.as_deref().map(text::inline);
    Some(Field { description: description.unwrap_or(described.description.clone()), ..described })
}

/// The example of a parameter, as in a URL.
fn example(parameter: &Parameter) -> Option<String> {
    let Some(RefOr::T(Schema::Object(schema))) = &parameter.schema else { return None };
    let value = schema.example.as_ref().or(schema.examples.first())?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn request<'a>(entry: &Entry<'a>) -> Option<(&'a Content, bool)> {
    let Some(RefOr::T(body)) = &entry.operation.request_body else { return None };
    let RefOr::T(content) = body.content.values().next()? else { return None };
    Some((content, body.required != Some(Required::True)))
}

fn body(content: &Content, is_optional: bool, schemas: Schemas) -> Body {
    let schema = content.schema.as_ref();
    let html = |value: &Value| code::html(value, schema, schemas);
    let mut examples: Vec<(String, String)> =
        content.example.iter().map(|value| (String::new(), html(value))).collect();
    for (name, example) in &content.examples {
        if let RefOr::T(example) = example
            && let Some(value) = &example.value
        {
            examples.push((name.clone(), html(value)));
        }
    }
    Body { is_optional, fields: schema.map(|schema| schemas.fields(schema)).unwrap_or_default(), examples }
}

fn answers(entry: &Entry, schemas: Schemas) -> Vec<ResponseDoc> {
    let responses = entry.operation.responses.responses.iter();
    let answers = responses.filter_map(|(status, response)| {
        let RefOr::T(response) = response else { return None };
        let content = response.content.values().find_map(|content| match content {
            RefOr::T(content) => Some(content),
            RefOr::Ref(_) => None,
        });
        let mut body = content.map(|content| body(content, false, schemas));
        if let (Some(body), true) = (&mut body, status.starts_with(['4', '5'])) {
            body.fields.clear(); // every problem has the same fields; the first page shows them
        }
        Some(ResponseDoc { status: status.clone(), description: text::inline(&response.description), body })
    });
    answers.collect()
}

/// The operation as a call, with the examples of its parameters and body.
fn call<'a>(reference: &'a Reference, entry: &Entry<'a>, credentials: Option<&'a Credentials>) -> Call<'a> {
    let mut path = entry.path.to_owned();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    let mut headers = Vec::new();
    for parameter in parameters(entry) {
        let value = example(parameter);
        match parameter.parameter_in {
            ParameterIn::Path => {
                let own = credentials.filter(|_| parameter.name == "dev_id").map(|known| known.dev_id.clone());
                let value = own.or(value).unwrap_or_default();
                path = path.replace(&format!("{{{}}}", parameter.name), &value);
            }
            ParameterIn::Query => {
                if let (true, Some(value)) = (in_sample(entry.id, parameter), value) {
                    query.append_pair(&parameter.name, &value);
                }
            }
            ParameterIn::Header if parameter.name != "dev-id" => {
                headers.extend(value.map(|value| (parameter.name.clone(), value)));
            }
            _ => {}
        }
    }
    let query = query.finish();
    let mark = if query.is_empty() { "" } else { "?" };
    Call {
        method: entry.method,
        url: format!("{}{path}{mark}{query}", reference.server()),
        proof: proof(entry),
        headers,
        body: request(entry).and_then(|(content, _)| Some((content.example.as_ref()?, content.schema.as_ref()))),
        schemas: Schemas(reference.schemas()),
        credentials,
    }
}

/// A sample has the required parameters only.
fn in_sample(operation: &str, parameter: &Parameter) -> bool {
    parameter.required == Required::True
        || matches!(
            (operation, parameter.name.as_str()),
            ("user_info" | "generate_auth_token" | "tokens", "reference_id") | ("delete_environment", _)
        )
}
