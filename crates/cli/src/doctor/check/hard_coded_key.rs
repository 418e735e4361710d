use super::production_key_in_testing::is_production_in_testing;
use crate::doctor::{Finding, context::Context, eye::Sight, tree::MOST_FILES};

/// No key stands in a file that git would keep.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, seen) in &context.tree.seen {
        let Sight::Key { masked, what, environment } = &seen.sight else { continue };
        if is_production_in_testing(path, *environment) {
            continue; // that check tells
        }
        let remedy = "read it from the environment or a credential file, and replace the key if the file was ever \
                      shared; if it opens nothing, write `terra-auth: fake` into a comment on the line";
        let reason = format!("{masked}, {what}, stands in the file");
        findings.push(Finding::error(&format!("{}:{}", path.display(), seen.line), reason, remedy));
    }
    if context.tree.cut {
        let reason = format!("only the first {MOST_FILES} files were looked at");
        findings.push(Finding::warning(".", reason, "run this in the folders below, one by one"));
    }
    findings
}
