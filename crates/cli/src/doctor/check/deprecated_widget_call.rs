use std::{collections::BTreeMap, path::Path};

use crate::doctor::{Finding, context::Context, online::EnvironmentApi, secret_scanner::MatchKind};

const CURRENT: &str = "POST to /api/widget/session on the API's host, like `generate_widget_session` of the client; the \
                       body is the same";

/// Checks that the project does not use the deprecated widget call, which is rejected for new accounts.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let mut files: BTreeMap<&Path, (usize, usize)> = BTreeMap::new();
    for (path, found) in &context.tree.matches {
        if found.key_match == MatchKind::DeprecatedCall && !is_prose(path) {
            files.entry(path).or_insert((found.line, 0)).1 += 1;
        }
    }
    let in_files = files.into_iter().map(|(path, (line, count))| in_file(path, line, count));
    in_files.chain(context.online.iter().filter_map(at_api)).collect()
}

/// Whether a file is a text or document that only mentions the call.
fn is_prose(path: &Path) -> bool {
    let prose = ["md", "rst", "txt", "adoc", "html", "json", "yaml", "yml", "snap"];
    path.extension().is_some_and(|extension| prose.iter().any(|prose| extension == *prose))
}

fn in_file(path: &Path, line: usize, count: usize) -> Finding {
    let more = if count > 1 { format!(" ({count} times in this file)") } else { String::new() };
    let reason =
        format!("calls auth/generateWidgetSession, which is deprecated and returns 410 for new accounts{more}");
    Finding::warning(&format!("{}:{line}", path.display()), reason, CURRENT)
}

fn at_api(online: &EnvironmentApi) -> Option<Finding> {
    let call = online.answer.as_ref().ok()?.widget.as_ref()?.as_ref().ok().filter(|call| call.deprecated)?;
    let reason = format!("only the deprecated widget call responds, at {}", call.url);
    let remedy = "set TERRA_API_URL to https://access.tryterra.co/api/v2, or update the server behind it";
    Some(Finding::warning(&online.environment, reason, remedy))
}
