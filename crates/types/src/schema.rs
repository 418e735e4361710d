//! `OpenAPI` schemas of the string types that have a format of their own.

use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema, Type},
    },
};

use crate::{Provider, ReferenceId, Scope};

impl PartialSchema for Provider {
    fn schema() -> RefOr<Schema> {
        let text = text("A source of data, such as `FITBIT`. Upper case in responses; parsed in any case.");
        text.min_length(Some(1)).max_length(Some(64)).pattern(Some("^[A-Za-z0-9_-]+$")).into()
    }
}

impl ToSchema for Provider {}

impl PartialSchema for ReferenceId {
    fn schema() -> RefOr<Schema> {
        let text = text("The app's own id for an end user: 1 to 512 bytes of text without control characters.");
        text.min_length(Some(1)).max_length(Some(512)).pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*$")).into()
    }
}

impl ToSchema for ReferenceId {}

impl PartialSchema for Scope {
    fn schema() -> RefOr<Schema> {
        let text = text("A permission of an API key.");
        text.enum_values(Some(Self::ALL.map(Self::as_str))).into()
    }
}

impl ToSchema for Scope {}

fn text(description: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description))
}
