use super::shell_quoted;
use crate::doctor::{
    Finding,
    context::Context,
    env_files::is_env_file,
    history::{CommittedKey, HISTORY_TIMEOUT, History},
};

/// Checks that no commit contains a key.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let Some(History { keys, truncated }) = &context.history else { return Vec::new() };
    let mut findings: Vec<Finding> = keys.iter().map(finding).collect();
    if *truncated {
        let reason = format!("the history was searched for {} s only, newest commits first", HISTORY_TIMEOUT.as_secs());
        let remedy = r"search the rest with `git log --all --patch -G 'TERRA_(API_KEY|SIGNING_SECRET)'`";
        findings.push(Finding::info("git log", reason, remedy));
    }
    findings
}

fn finding(CommittedKey { commit, path, masked, what }: &CommittedKey) -> Finding {
    let file = path.display();
    let reason = format!("{masked}, {what}, was committed; it remains in the history after a deletion");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let erase = if is_env_file(&name) {
        format!("`git filter-repo --invert-paths --path {}`", shell_quoted(&file.to_string()))
    } else {
        "`git filter-repo --replace-text FILE`, where FILE contains the key".to_owned()
    };
    Finding::error(
        &format!("{commit}:{file}"),
        reason,
        format!("rotate the key, then remove it from the history with {erase}"),
    )
}
