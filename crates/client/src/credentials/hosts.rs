use url::Url;

use crate::endpoints::{is_hosted, origin};

/// The three addresses of a place that speaks the API.
pub(super) struct Hosts {
    pub(super) api: Url,
    pub(super) widget: Url,
    pub(super) streaming: Url,
}

impl Hosts {
    /// Terra's own.
    ///
    /// Source: "Hosts" in `docs/compatibility.md`.
    pub(super) fn published() -> Self {
        Self {
            api: literal("https://api.tryterra.co/v2"),
            widget: literal("https://widget.tryterra.co"),
            // The address that the published guides name, streaming.tryterra.co, has no socket.
            streaming: literal("wss://ws.tryterra.co"),
        }
    }

    /// Those that go with `api`: the hosted ones, or all on one origin, so that keys for a server of one's own never
    /// travel to Terra.
    pub(super) fn beside(api: Url) -> Self {
        if is_hosted(&api) {
            return Self { api, ..Self::published() };
        }
        let streaming = origin(&api, if api.scheme() == "http" { "ws" } else { "wss" });
        Self { widget: origin(&api, api.scheme()), streaming, api }
    }
}

#[expect(clippy::expect_used, reason = "three constants above, and a test makes them")]
fn literal(text: &str) -> Url {
    text.parse().expect("a constant")
}
