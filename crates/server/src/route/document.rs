//! Completes the generated document: common responses, events, and an example of every body.

mod event;
mod example;
mod problems;

use serde_json::{Value, json};
use utoipa::openapi::{
    Content, OpenApi, Ref, RefOr, ResponseBuilder, Server,
    example::ExampleBuilder,
    path::{Operation, Parameter, ParameterIn, PathItem},
    schema::{Schema, SchemaType, Type},
};

use self::{example::Examples, problems::ProblemExamples};

const PROBLEM: &str = "application/problem+json";

/// Completes the generated document:
///
/// - adds the error responses of the layers and extractors (`common_problems`) and of the credentials that an operation
///   requires (`access_problems`);
/// - gives every error response without a body the problem body;
/// - removes `null` from parameters and optional bodies, because an absent value is not sent;
/// - opens the schemas that other schemas extend;
/// - adds an example to every body.
///
/// `server` is the origin of the API.
pub(super) fn complete(mut document: OpenApi, server: &str) -> OpenApi {
    document.servers = Some(vec![Server::new(server.trim_end_matches('/'))]);
    open_extended_schemas(&mut document);
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            parameters(operation).for_each(take_no_null);
            no_null_body(operation);
            add_problems(operation);
        }
    }
    event::add(&mut document);
    add_examples(&mut document);
    document
}

/// Adds an example to every body that has none.
fn add_examples(document: &mut OpenApi) {
    let schemas = document.components.as_ref().map(|components| components.schemas.clone()).unwrap_or_default();
    let examples = Examples(&schemas);
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            let id = operation.operation_id.clone().unwrap_or_default();
            parameters(operation).for_each(example::add_to);
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                bodies(body.content.values_mut()).for_each(|content| add_example(content, &examples));
            }
            for (status, response) in &mut operation.responses.responses {
                let RefOr::T(response) = response else { continue };
                let description = response.description.clone();
                let refused = ProblemExamples { operation: &id, path, status, description: &description };
                for content in bodies(response.content.values_mut()) {
                    match schema_name(content) {
                        Some("Problem") => add_problem_examples(content, &refused),
                        Some("WidgetError") => content.example = Some(refused.widget_error()),
                        _ => add_example(content, &examples),
                    }
                }
            }
        }
    }
}

fn bodies<'a>(contents: impl Iterator<Item = &'a mut RefOr<Content>>) -> impl Iterator<Item = &'a mut Content> {
    contents.filter_map(|content| match content {
        RefOr::T(content) => Some(content),
        RefOr::Ref(_) => None,
    })
}

fn schema_name(content: &Content) -> Option<&str> {
    match content.schema.as_ref()? {
        RefOr::Ref(target) => target.ref_location.rsplit('/').next(),
        RefOr::T(_) => None,
    }
}

fn add_example(content: &mut Content, examples: &Examples) {
    if let (None, Some(schema)) = (&content.example, &content.schema) {
        content.example = Some(examples.of(schema));
    }
}

/// Adds one example for each reason of the response.
fn add_problem_examples(content: &mut Content, refused: &ProblemExamples) {
    let mut problems = refused.examples();
    if problems.len() == 1 {
        content.example = problems.pop().map(|(_, problem)| problem);
    } else {
        content.examples = problems.into_iter().map(|(name, problem)| (name, named_example(problem))).collect();
    }
}

fn named_example(problem: Value) -> RefOr<utoipa::openapi::example::Example> {
    RefOr::T(ExampleBuilder::new().value(Some(problem)).build())
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn parameters(operation: &mut Operation) -> impl Iterator<Item = &mut Parameter> {
    operation.parameters.iter_mut().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    })
}

/// Adds the derived error responses, and the problem body to each error response without a body.
fn add_problems(operation: &mut Operation) {
    let derived = [access_problems(operation), common_problems(operation)].concat();
    let responses = &mut operation.responses.responses;
    for (status, description) in derived {
        let response = || RefOr::T(ResponseBuilder::new().description(description).build());
        responses.entry(status.to_owned()).or_insert_with(response);
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response
            && status.as_str() >= "400"
            && response.content.is_empty()
        {
            let body = Content::new(Some(Ref::from_schema_name("Problem")));
            response.content.insert(PROBLEM.to_owned(), RefOr::T(body));
        }
    }
}

/// The error responses of the credentials that an operation requires. Its security requirement names the role of an
/// admin token or the scope of an API key.
fn access_problems(operation: &Operation) -> Vec<(&'static str, String)> {
    let mut problems = Vec::new();
    for requirement in operation.security.iter().flatten() {
        let requirement = json!(requirement);
        if let Some(roles) = requirement["admin"].as_array() {
            problems.push(("401", "No valid admin token".to_owned()));
            problems.extend(first_text(roles).map(|role| ("403", format!("The token's role is below {role}"))));
        }
        if let Some(scope) = requirement["api_key"].as_array().and_then(|scopes| first_text(scopes)) {
            problems.push(("401", "Wrong credentials".to_owned()));
            problems.push(("403", format!("The key lacks {scope}, or the environment is disabled")));
        }
    }
    problems
}

fn first_text(values: &[Value]) -> Option<&str> {
    values.first()?.as_str()
}

/// The error responses that follow from a path, a query or a body.
fn common_problems(operation: &mut Operation) -> Vec<(&'static str, String)> {
    let has_body = operation.request_body.is_some();
    let names = |kind: ParameterIn, operation: &mut Operation| -> Vec<String> {
        parameters(operation).filter(|it| it.parameter_in == kind).map(|it| it.name.clone()).collect()
    };
    let (in_path, in_query) = (names(ParameterIn::Path, operation), names(ParameterIn::Query, operation));
    let mut problems = vec![("503", "The server cannot respond now; try again after `Retry-After`")];
    if has_body || !in_query.is_empty() {
        problems.push(("400", "A parameter or the body is malformed"));
    }
    if in_path.iter().any(|name| name == "dev_id") {
        problems.push(("404", "There is no such environment"));
    } else if !in_path.is_empty() {
        problems.push(("404", "There is nothing with this name"));
    }
    if has_body {
        problems.push(("408", "The body did not arrive within 10 s"));
        problems.push(("413", "The body is larger than 1 MiB"));
    }
    problems.into_iter().map(|(status, description)| (status, description.to_owned())).collect()
}

fn take_no_null(parameter: &mut Parameter) {
    let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema else {
        return;
    };
    if let SchemaType::Array(types) = &mut schema.schema_type {
        types.retain(|kind| *kind != Type::Null);
        if let [kind] = &types[..] {
            schema.schema_type = SchemaType::Type(kind.clone());
        }
    }
}

/// Removes `null` from an optional body. The derive macro allows it for every `Option`.
fn no_null_body(operation: &mut Operation) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    for content in body.content.values_mut() {
        let RefOr::T(Content { schema: Some(schema), .. }) = content else {
            continue;
        };
        if let RefOr::T(Schema::OneOf(one_of)) = schema {
            let body = one_of.items.iter().find(|item| matches!(item, RefOr::Ref(_)));
            if let Some(body) = body.cloned() {
                *schema = body;
            }
        }
    }
}

/// Allows additional fields in schemas that another schema extends; otherwise they would reject its fields.
fn open_extended_schemas(document: &mut OpenApi) {
    let Some(components) = &mut document.components else {
        return;
    };
    let extended = components.schemas.values().filter_map(|schema| match schema {
        RefOr::T(Schema::AllOf(all_of)) => Some(&all_of.items),
        _ => None,
    });
    let names = extended.flatten().filter_map(|item| match item {
        RefOr::Ref(target) => target.ref_location.rsplit('/').next().map(str::to_owned),
        RefOr::T(_) => None,
    });
    for name in names.collect::<Vec<_>>() {
        if let Some(RefOr::T(Schema::Object(schema))) = components.schemas.get_mut(&name) {
            schema.additional_properties = None;
        }
    }
}
