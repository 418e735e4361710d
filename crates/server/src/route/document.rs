//! Declares in the document what all operations have in common, the events, and an example of every body.

mod event;
mod example;
mod problems;

use serde_json::Value;
use utoipa::openapi::{
    Content, OpenApi, Ref, RefOr, Response, ResponseBuilder, Server,
    example::ExampleBuilder,
    path::{Operation, Parameter, ParameterIn, PathItem},
    schema::{Schema, SchemaType, Type},
};

use self::{example::Examples, problems::ProblemExamples};

const PROBLEM: &str = "application/problem+json";

/// Adds what the extractors and the layers around every route answer. Takes `null` from parameters, as an address has only
/// text, and from bodies that may be absent. Opens the schemas that others extend. `server` is the origin of the API.
pub(super) fn complete(mut document: OpenApi, server: &str) -> OpenApi {
    document.servers = Some(vec![Server::new(server.trim_end_matches('/'))]);
    open_extended_schemas(&mut document);
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            parameters(operation).for_each(take_no_null);
            no_null_body(operation);
            for (status, description) in common_refusals(operation) {
                let refusal = || RefOr::T(problem(description));
                operation.responses.responses.entry(status.to_owned()).or_insert_with(refusal);
            }
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
                        Some("Problem") => add_problems(content, &refused),
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

/// One example where there is one reason for the answer, or one for each reason.
fn add_problems(content: &mut Content, refused: &ProblemExamples) {
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

/// The statuses that an operation answers because it has a path, a query or a body.
fn common_refusals(operation: &mut Operation) -> Vec<(&'static str, &'static str)> {
    let has_body = operation.request_body.is_some();
    let places: Vec<ParameterIn> = parameters(operation).map(|parameter| parameter.parameter_in.clone()).collect();
    let mut refusals = vec![("503", "The server cannot answer now; try again after `Retry-After`")];
    if has_body || places.contains(&ParameterIn::Query) {
        refusals.push(("400", "A parameter or the body is malformed"));
    }
    if places.contains(&ParameterIn::Path) {
        refusals.push(("404", "There is nothing of this name"));
    }
    if has_body {
        refusals.push(("408", "The body did not arrive within 10 s"));
        refusals.push(("413", "The body is larger than 1 MiB"));
    }
    refusals
}

fn problem(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content(PROBLEM, content).build()
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

/// A body that may be absent is declared by `Option`, for which the derive allows `null` too.
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

/// A schema that refuses other fields refuses those of a schema that extends it.
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
