//! Checks of credential files: permissions, and whether git has them or had them.

use super::shell_quoted;
use crate::{
    doctor::{
        Finding,
        context::Context,
        env_files::{EnvFile, is_env_file},
        history::{CommittedKey, HISTORY_TIMEOUT, History},
    },
    git::GitStatus,
};

/// Checks that no commit contains a key.
pub(super) fn git_history(context: &Context) -> Vec<Finding> {
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

/// Checks that git does not track a file with keys, and ignores it.
pub(super) fn tracked_by_git(context: &Context) -> Vec<Finding> {
    context.env_files.iter().filter(|file| file.is_secret()).filter_map(tracked_by_git_finding).collect()
}

fn tracked_by_git_finding(EnvFile { name, git_status, .. }: &EnvFile) -> Option<Finding> {
    match git_status {
        GitStatus::Tracked => {
            let file = shell_quoted(name);
            let remedy = format!(
                "run `git rm --cached {file}`, add the line `{name}` to .gitignore, commit, and rotate its keys if it \
                 was ever pushed"
            );
            Some(Finding::error(name, "git tracks the file, so everyone with the repository has its keys", remedy))
        }
        GitStatus::NotIgnored => {
            let reason = "git does not ignore the file, so the next `git add .` would add its keys";
            Some(Finding::warning(name, reason, format!("run `echo {} >> .gitignore`", shell_quoted(name))))
        }
        GitStatus::Ignored | GitStatus::NoRepository => None,
    }
}

/// Checks that only the owner can read a file with keys.
pub(super) fn file_permissions(context: &Context) -> Vec<Finding> {
    let open = context.env_files.iter().filter(|file| file.open_to_others && file.is_secret());
    let finding = |EnvFile { name, .. }: &EnvFile| {
        let reason = "other users of this machine can read the file and its keys";
        Finding::error(name, reason, format!("run `chmod 600 {}`", shell_quoted(name)))
    };
    open.map(finding).collect()
}
