//! The first page of the reference.

use askama::Template;
use serde_json::json;
use terra_auth_core::admin::action::AdminError;

use super::{Reference, Section, code, fields::Schemas, text};
use crate::error::ApiError;

/// An introduction to the API, its authentication, and a list of all operations and events.
#[derive(Template)]
#[template(path = "reference/overview.html")]
pub(super) struct Overview<'a> {
    reference: &'a Reference,
    sections: Vec<Section<'a>>,
    current: &'a str,
    query: &'a str,
    problem: String,
    title: &'static str,
}

impl<'a> Overview<'a> {
    pub(super) fn new(reference: &'a Reference, query: &'a str) -> Self {
        let problem = json!(ApiError::from(AdminError::UnknownEnvironment).problem("/api/v3/admin/environments/acme"));
        let schemas = reference.schemas();
        let problem = code::html(&problem, schemas.get("Problem"), Schemas(schemas));
        let query = query.trim();
        let query = query.char_indices().nth(64).map_or(query, |(end, _)| &query[..end]);
        Self { reference, sections: reference.sections(query), current: "", query, problem, title: "API reference" }
    }

    fn found(&self) -> usize {
        self.sections.iter().map(|section| section.entries.len()).sum()
    }

    fn description(&self) -> String {
        text::paragraphs(self.reference.document.info.description.as_deref().unwrap_or_default())
    }
}
