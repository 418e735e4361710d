use url::Url;

use crate::hosted::{is_hosted, origin};

/// The three base URLs of a server.
pub(super) struct BaseUrls {
    pub(super) api: Url,
    pub(super) widget: Url,
    pub(super) streaming: Url,
}

impl BaseUrls {
    /// Returns the URLs of the hosted API.
    ///
    /// Source: "Hosts" in `docs/compatibility.md`.
    pub(super) fn published() -> Self {
        Self {
            api: literal("https://api.tryterra.co/v2"),
            widget: literal("https://widget.tryterra.co"),
            // The host in the published guides, streaming.tryterra.co, has no socket.
            streaming: literal("wss://ws.tryterra.co"),
        }
    }

    /// Returns the default URLs for `api`: the hosted ones, or all on one origin. Keys of a self-hosted server are
    /// therefore never sent to Terra.
    pub(super) fn defaults_for(api: Url) -> Self {
        if is_hosted(&api) {
            return Self { api, ..Self::published() };
        }
        let streaming = origin(&api, if api.scheme() == "http" { "ws" } else { "wss" });
        Self { widget: origin(&api, api.scheme()), streaming, api }
    }
}

#[expect(clippy::expect_used, reason = "the three constants above are valid, and a test parses them")]
fn literal(text: &str) -> Url {
    text.parse().expect("a constant")
}
