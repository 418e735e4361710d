use super::word;
use crate::doctor::{
    Finding,
    context::Context,
    env_files::is_env_file,
    history::{Committed, History, PATIENCE},
};

/// No commit holds a key.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let Some(History { keys, cut }) = &context.history else { return Vec::new() };
    let mut findings: Vec<Finding> = keys.iter().map(finding).collect();
    if *cut {
        let reason = format!("the history was looked at for {} s only, the newest commits first", PATIENCE.as_secs());
        let remedy = r"search the rest with `git log --all --patch -G 'TERRA_(API_KEY|SIGNING_SECRET)'`";
        findings.push(Finding::info("git log", reason, remedy));
    }
    findings
}

fn finding(Committed { commit, path, masked, what }: &Committed) -> Finding {
    let file = path.display();
    let reason = format!("{masked}, {what}, was committed; deleting it later does not take it back");
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let erase = if is_env_file(&name) {
        format!("`git filter-repo --invert-paths --path {}`", word(&file.to_string()))
    } else {
        "`git filter-repo --replace-text FILE`, where FILE holds the key".to_owned()
    };
    Finding::error(&format!("{commit}:{file}"), reason, format!("replace the key, then erase it with {erase}"))
}
