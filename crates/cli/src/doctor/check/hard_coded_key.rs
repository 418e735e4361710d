use super::production_key_in_testing::is_production_in_testing;
use crate::doctor::{Finding, context::Context, secret_scanner::MatchKind, tree::MAX_FILES};

/// Checks that no file that git does not ignore contains a key.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, found) in &context.tree.matches {
        let MatchKind::Key { masked, what, environment } = &found.key_match else { continue };
        if is_production_in_testing(path, *environment) {
            continue; // reported by that check
        }
        let remedy = "read the key from the environment or a credential file, and rotate it if the file was ever \
                      shared; if it is fake, add the comment `terra-auth: fake` on the line";
        let reason = format!("{masked}, {what}, is in the file");
        findings.push(Finding::error(&format!("{}:{}", path.display(), found.line), reason, remedy));
    }
    if context.tree.truncated {
        let reason = format!("only the first {MAX_FILES} files were scanned");
        findings.push(Finding::warning(".", reason, "run doctor in each subfolder"));
    }
    findings
}
