//! The `webhooks` of the document: one request for each event type.

use serde_json::{Value, json};
use terra_auth_core::event;
use terra_auth_types::wire::Event;
use utoipa::openapi::{
    Content, HttpMethod, OpenApi, PathItem, Paths, Ref, RefOr, Required, ResponseBuilder,
    path::{OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    request_body::RequestBodyBuilder,
    schema::{ObjectBuilder, Schema, Type},
};

/// The guarantees for a receiver, for every type.
const DELIVERY: &str = "The server posts the event to the environment's webhook destination. Verify the signature over the raw \
     body before you parse it, then answer 2xx within 8 seconds. After any other answer the server tries \
     again, up to ten times with growing pauses. An event can therefore arrive more than once: `terra-reference` is the same \
     at each attempt.";

/// Adds one webhook for each type of event, and its type to each event's schema.
pub(super) fn add(document: &mut OpenApi) {
    let mut webhooks = Paths::new();
    for event in event::examples().into_iter().flatten() {
        let kind = event.kind().to_owned();
        let schema = schema_name(&kind);
        name_type(document, &schema, &kind);
        webhooks.paths.insert(kind.clone(), PathItem::new(HttpMethod::Post, operation(&event, &kind, &schema)));
    }
    document.webhooks = Some(webhooks);
}

/// The schema of a type: that of `access_revoked` is `AccessRevokedEvent`.
fn schema_name(kind: &str) -> String {
    let words = kind.split('_').filter_map(|word| {
        let (first, rest) = word.split_at_checked(1)?;
        Some(first.to_ascii_uppercase() + rest)
    });
    words.chain(["Event".to_owned()]).collect()
}

/// Adds the field `type`, which the derived schema lacks.
fn name_type(document: &mut OpenApi, schema: &str, kind: &str) {
    let components = document.components.get_or_insert_default();
    if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(schema) {
        let fields = std::mem::take(&mut object.properties);
        let of_type = ObjectBuilder::new().schema_type(Type::String).enum_values(Some([kind]));
        let of_type = of_type.description(Some("The type of the event."));
        object.properties.insert("type".to_owned(), of_type.into());
        object.properties.extend(fields);
        object.required.insert(0, "type".to_owned());
    }
}

fn operation(event: &Event, kind: &str, schema: &str) -> utoipa::openapi::path::Operation {
    let mut content = Content::new(Some(Ref::from_schema_name(schema)));
    content.example = Some(json!(event));
    let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True)).build();
    let operation = OperationBuilder::new()
        .operation_id(Some(format!("event_{kind}")))
        .tag("Events")
        .summary(Some(meaning(event)))
        .description(Some(DELIVERY))
        .security(utoipa::openapi::security::SecurityRequirement::default())
        .request_body(Some(body))
        .response("2XX", ResponseBuilder::new().description("The event was received; the body is ignored"));
    headers().into_iter().fold(operation, OperationBuilder::parameter).build()
}

/// The headers of a delivery; `delivery` writes them.
fn headers() -> [Parameter; 4] {
    let header = |name: &str, description: &str, example: Value| {
        let schema = ObjectBuilder::new().schema_type(Type::String).examples([example]);
        let parameter = ParameterBuilder::new().name(name).parameter_in(ParameterIn::Header).required(Required::True);
        parameter.description(Some(description)).schema(Some(schema)).build()
    };
    [
        header(
            "terra-signature",
            "`t` is the time of the attempt in Unix seconds. `v1` is the HMAC-SHA-256 of `t`, a full stop and the raw body, \
             keyed with the environment's signing secret. `x-terra-signature` has the same value.",
            json!(format!("t=1796472001,v1={}", "9f2c".repeat(16))),
        ),
        header(
            "terra-reference",
            "The id of the event, the same at each attempt. `x-terra-trace-id` has the same value.",
            json!("7d0e6c1bb0a94a7f8f7f2d1c0b9a8e7d"),
        ),
        header("x-terra-ordering-timestamp", "When the event happened, in Unix milliseconds.", json!("1796472000000")),
        header("dev-id", "The environment.", json!("acme-testing-4fd81c")),
    ]
}

fn meaning(event: &Event) -> &'static str {
    match event {
        Event::Auth(_) => "An end user connected a provider",
        Event::AuthCancelled(_) => "A login failed, or the end user cancelled it",
        Event::Deauth(_) => "The app or the end user disconnected a connection",
        Event::UserReauth(_) => "An end user connected the same account again, under a new user id",
        Event::AccessRevoked(_) => "The end user removed the access at the provider",
        Event::PermissionChange(_) => "The end user granted different permissions",
        Event::ConnectionError(_) => "A connection stopped working",
        _ => "Another event",
    }
}
