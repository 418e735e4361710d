use super::shell_quoted;
use crate::{
    doctor::{Finding, context::Context, env_files::EnvFile},
    git::GitStatus,
};

/// Checks that git does not track a file with keys, and ignores it.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.env_files.iter().filter(|file| file.is_secret()).filter_map(finding).collect()
}

fn finding(EnvFile { name, git_status, .. }: &EnvFile) -> Option<Finding> {
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
