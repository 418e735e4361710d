//! End users in real browsers.

use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::json;
use terra_auth_cli_testkit::CommandOutput;
use tokio::task::spawn_blocking;
use url::Url;

use super::oauth_server::root;

/// A page that the user visited.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) heading: String,
}

impl Page {
    /// A query parameter of its URL.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }
}

/// Opens a URL, signs in at the provider as `name`, and agrees or declines. Returns the visited pages.
pub(crate) async fn visit(url: &str, name: &str, agrees: bool) -> Vec<Page> {
    let order = json!({ "url": url, "name": name, "agrees": agrees }).to_string();
    let mut person = Command::new("node");
    person.arg(root("tests/oauth/person.mjs")).arg(order).stdin(Stdio::null());
    // The browser is slow, and the runtime must notice connections that close in the meantime.
    let answer = spawn_blocking(move || CommandOutput::of(&mut person)).await.unwrap();
    assert_eq!(answer.code, 0, "run tests/oauth/setup.sh: {answer}");
    serde_json::from_str(&answer.stdout).unwrap()
}
