//! The checks. To add one, write a function in the file of its subject, and add a line to the table.

mod api;
mod files;
mod keys;
mod urls;

use super::{Finding, context::Context};

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
    Check { name: "credentials", run: keys::credentials, needs: Folder },
    Check { name: "file-permissions", run: files::file_permissions, needs: Folder },
    Check { name: "tracked-by-git", run: files::tracked_by_git, needs: Repository },
    Check { name: "git-history", run: files::git_history, needs: Repository },
    Check { name: "hard-coded-key", run: keys::hard_coded_key, needs: Folder },
    Check { name: "shared-key", run: keys::shared_key, needs: Folder },
    Check { name: "production-key-in-testing", run: keys::production_key_in_testing, needs: Folder },
    Check { name: "redirect-url", run: urls::redirect_url, needs: Folder },
    Check { name: "signing-secret", run: keys::signing_secret, needs: Folder },
    Check { name: "api", run: api::reachable, needs: Api },
    Check { name: "proxy", run: api::proxy, needs: Api },
    Check { name: "clock-skew", run: api::clock_skew, needs: Api },
    Check { name: "widget-path", run: urls::widget_path, needs: Api },
    Check { name: "streaming-host", run: urls::streaming_host, needs: Api },
    Check { name: "deprecated-widget-call", run: urls::deprecated_widget_call, needs: Folder },
    Check { name: "user-cap", run: api::user_cap, needs: Api },
    Check { name: "unbound-tokens", run: api::unbound_tokens, needs: Api },
    Check { name: "webhook-destination", run: urls::webhook_destination, needs: Api },
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
