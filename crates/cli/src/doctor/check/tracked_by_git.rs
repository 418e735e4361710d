use super::word;
use crate::{
    doctor::{Finding, context::Context, env_files::EnvFile},
    git::Standing,
};

/// git carries no file with keys along.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    context.env_files.iter().filter(|file| file.is_secret()).filter_map(finding).collect()
}

fn finding(EnvFile { name, standing, .. }: &EnvFile) -> Option<Finding> {
    match standing {
        Standing::Tracked => {
            let file = word(name);
            let remedy = format!(
                "run `git rm --cached {file}`, add the line `{name}` to .gitignore, commit, and replace its keys if it \
                 was ever pushed"
            );
            Some(Finding::error(name, "git tracks the file, so whoever has the repository has its keys", remedy))
        }
        Standing::NotIgnored => {
            let reason = "git does not ignore the file, so the next `git add .` takes its keys along";
            Some(Finding::warning(name, reason, format!("run `echo {} >> .gitignore`", word(name))))
        }
        Standing::Ignored | Standing::NoRepository => None,
    }
}
