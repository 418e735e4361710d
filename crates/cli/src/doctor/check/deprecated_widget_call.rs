use std::{collections::BTreeMap, path::Path};

use crate::doctor::{Finding, context::Context, eye::Sight, online::Online};

const CURRENT: &str = "POST to /api/widget/session on the API's host, as `generate_widget_session` of the client does; \
                       the body is the same";

/// Nobody depends on the older widget call, which new accounts are refused.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let mut files: BTreeMap<&Path, (usize, usize)> = BTreeMap::new();
    for (path, seen) in &context.tree.seen {
        if seen.sight == Sight::DeprecatedCall && !is_prose(path) {
            files.entry(path).or_insert((seen.line, 0)).1 += 1;
        }
    }
    let in_files = files.into_iter().map(|(path, (line, count))| in_file(path, line, count));
    in_files.chain(context.online.iter().filter_map(at_api)).collect()
}

/// Text about the call, and documents that describe it.
fn is_prose(path: &Path) -> bool {
    let prose = ["md", "rst", "txt", "adoc", "html", "json", "yaml", "yml", "snap"];
    path.extension().is_some_and(|extension| prose.iter().any(|prose| extension == *prose))
}

fn in_file(path: &Path, line: usize, count: usize) -> Finding {
    let more = if count > 1 { format!(" ({count} times in this file)") } else { String::new() };
    let reason = format!("calls auth/generateWidgetSession, which is deprecated and answers new accounts 410{more}");
    Finding::warning(&format!("{}:{line}", path.display()), reason, CURRENT)
}

fn at_api(online: &Online) -> Option<Finding> {
    let call = online.answer.as_ref().ok()?.widget.as_ref()?.as_ref().ok().filter(|call| call.deprecated)?;
    let reason = format!("only the deprecated widget call answers, at {}", call.url);
    let remedy = "set TERRA_API_URL to https://access.tryterra.co/api/v2, or update the server behind it";
    Some(Finding::warning(&online.environment, reason, remedy))
}
