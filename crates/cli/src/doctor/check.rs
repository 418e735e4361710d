//! The checks. To add one, write a file with a `check` function, and add a line to the table.

use super::{Finding, context::Context};

mod api;
mod clock_skew;
mod credentials;
mod deprecated_widget_call;
mod file_permissions;
mod git_history;
mod hard_coded_key;
mod production_key_in_testing;
mod proxy;
mod redirect_url;
mod shared_key;
mod signing_secret;
mod streaming_host;
mod tracked_by_git;
mod unbound_tokens;
mod user_cap;
mod webhook_destination;
mod widget_path;

/// One check of the gathered context.
pub(crate) struct Check {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Context) -> Vec<Finding>,
    needs: Needs,
}

/// The input that a check requires.
#[derive(Clone, Copy)]
enum Needs {
    Folder,
    Repository,
    Api,
}

use Needs::{Api, Folder, Repository};

pub(crate) const CHECKS: [Check; 18] = [
    Check { name: "credentials", run: credentials::check, needs: Folder },
    Check { name: "file-permissions", run: file_permissions::check, needs: Folder },
    Check { name: "tracked-by-git", run: tracked_by_git::check, needs: Repository },
    Check { name: "git-history", run: git_history::check, needs: Repository },
    Check { name: "hard-coded-key", run: hard_coded_key::check, needs: Folder },
    Check { name: "shared-key", run: shared_key::check, needs: Folder },
    Check { name: "production-key-in-testing", run: production_key_in_testing::check, needs: Folder },
    Check { name: "redirect-url", run: redirect_url::check, needs: Folder },
    Check { name: "signing-secret", run: signing_secret::check, needs: Folder },
    Check { name: "api", run: api::check, needs: Api },
    Check { name: "proxy", run: proxy::check, needs: Api },
    Check { name: "clock-skew", run: clock_skew::check, needs: Api },
    Check { name: "widget-path", run: widget_path::check, needs: Api },
    Check { name: "streaming-host", run: streaming_host::check, needs: Api },
    Check { name: "deprecated-widget-call", run: deprecated_widget_call::check, needs: Folder },
    Check { name: "user-cap", run: user_cap::check, needs: Api },
    Check { name: "unbound-tokens", run: unbound_tokens::check, needs: Api },
    Check { name: "webhook-destination", run: webhook_destination::check, needs: Api },
];

impl Check {
    pub(crate) fn applies(&self, context: &Context) -> bool {
        match self.needs {
            Folder => true,
            Repository => context.history.is_some(),
            Api => !context.online.is_empty(),
        }
    }
}

/// A file name, quoted for a shell if necessary.
fn shell_quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

/// An error with its causes, on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
