//! People at real browsers.

use std::process::{Command, Stdio};

use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;
use url::Url;

use super::{folder::Answer, oauth_server::root};

/// A page that somebody met.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) url: Url,
    pub(crate) heading: String,
}

impl Page {
    /// A parameter of its address.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }
}

/// Opens an address, signs in at the provider as `name`, agrees or not; the pages on the way.
pub(crate) async fn visit(url: &str, name: &str, agrees: bool) -> Vec<Page> {
    let order = json!({ "url": url, "name": name, "agrees": agrees }).to_string();
    let mut person = Command::new("node");
    person.arg(root("tests/oauth/person.mjs")).arg(order).stdin(Stdio::null());
    // People are slow, and connections that end meanwhile must be seen to end.
    let answer = spawn_blocking(move || Answer::of(&mut person)).await.unwrap();
    assert_eq!(answer.code, 0, "tests/oauth/setup.sh may help: {answer}");
    serde_json::from_str(&answer.stdout).unwrap()
}
