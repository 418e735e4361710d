//! The API reference: pages rendered from the `OpenAPI` document, without scripts and third-party content.

mod code;
mod fields;
mod operation;
mod overview;
mod sample;
mod text;

use std::collections::BTreeMap;

use askama::Template;
use utoipa::openapi::{OpenApi, RefOr, path::Operation, schema::Schema};

pub use self::sample::Credentials;

/// The document, prepared for the pages.
pub(crate) struct Reference {
    document: OpenApi,
    /// The document as it is served.
    pub(crate) json: String,
}

/// An operation or an event in the list.
#[derive(Clone)]
struct Entry<'a> {
    /// The last segment of its page's path.
    id: &'a str,
    method: &'static str,
    path: &'a str,
    summary: &'a str,
    operation: &'a Operation,
}

/// A group of entries.
struct Section<'a> {
    title: String,
    description: &'a str,
    entries: Vec<Entry<'a>>,
}

impl Reference {
    pub(crate) fn new(document: OpenApi) -> Self {
        let json = serde_json::to_string(&document).unwrap_or_default();
        Self { document, json }
    }

    /// The first page, with the entries that match `query`.
    pub(crate) fn overview(&self, query: &str) -> Result<String, askama::Error> {
        overview::Overview::new(self, query).render()
    }

    /// The page of an operation or an event; `None` for an unknown id.
    pub(crate) fn page(&self, id: &str, credentials: Option<&Credentials>) -> Option<Result<String, askama::Error>> {
        let entry = self.entries().find(|entry| entry.id == id)?;
        Some(operation::Page::new(self, entry, credentials).render())
    }

    /// The origin of the API.
    fn server(&self) -> &str {
        let servers = self.document.servers.as_deref().unwrap_or_default();
        servers.first().map_or("", |server| server.url.as_str())
    }

    fn schemas(&self) -> &BTreeMap<String, RefOr<Schema>> {
        static NONE: BTreeMap<String, RefOr<Schema>> = BTreeMap::new();
        self.document.components.as_ref().map_or(&NONE, |components| &components.schemas)
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let webhooks = self.document.webhooks.iter().flat_map(|webhooks| &webhooks.paths);
        self.document.paths.paths.iter().chain(webhooks).flat_map(|(path, item)| {
            let methods = [
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("PATCH", &item.patch),
                ("DELETE", &item.delete),
            ];
            methods.into_iter().filter_map(|(method, operation)| {
                let operation = operation.as_ref()?;
                let id = operation.operation_id.as_deref()?;
                let summary = operation.summary.as_deref().unwrap_or(id).trim_end_matches('.');
                Some(Entry { id, method, path, summary, operation })
            })
        })
    }

    /// All entries that contain `query`, in the order of the document's tags. The tag of administration is split.
    fn sections(&self, query: &str) -> Vec<Section<'_>> {
        let query = query.trim().to_lowercase();
        let fits = |entry: &Entry| {
            [entry.id, entry.path, entry.summary].iter().any(|text| text.to_lowercase().contains(&query))
        };
        let mut sections: Vec<Section> = Vec::new();
        for tag in self.document.tags.as_deref().unwrap_or_default() {
            for entry in self.entries().filter(|entry| entry.tag() == tag.name && fits(entry)) {
                let title = entry.section(&tag.name);
                let at = sections.iter().position(|section| section.title == title);
                let at = at.unwrap_or_else(|| {
                    let description =
                        if title == tag.name { tag.description.as_deref().unwrap_or_default() } else { "" };
                    sections.push(Section { title, description, entries: Vec::new() });
                    sections.len() - 1
                });
                sections[at].entries.push(entry);
            }
        }
        sections
    }
}

impl Entry<'_> {
    fn tag(&self) -> &str {
        self.operation.tags.as_deref().unwrap_or_default().first().map_or("", String::as_str)
    }

    fn is(&self, id: &str) -> bool {
        self.id == id
    }

    /// The first sentence of the summary, as HTML.
    fn heading(&self) -> String {
        text::inline(self.summary.split(". ").next().unwrap_or_default())
    }

    fn is_event(&self) -> bool {
        !self.path.starts_with('/')
    }

    /// `/api/v3/admin/environments/{dev_id}/provider-apps` is in "Administration: provider apps".
    fn section(&self, tag: &str) -> String {
        let Some(rest) = self.path.strip_prefix("/api/v3/admin/") else {
            return tag.to_owned();
        };
        let parts: Vec<&str> = rest.split('/').collect();
        let part = match parts[..] {
            ["environments", _, "contents"] | ["environments"] | ["environments", _] => "environments",
            ["environments", _, part, ..] | [part, ..] => part,
            [] => "",
        };
        format!("{tag}: {}", part.replace('-', " "))
    }
}
