use super::shell_quoted;
use crate::doctor::{Finding, context::Context, env_files::EnvFile};

/// Checks that only the owner can read a file with keys.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let open = context.env_files.iter().filter(|file| file.open_to_others && file.is_secret());
    let finding = |EnvFile { name, .. }: &EnvFile| {
        let reason = "other users of this machine can read the file and its keys";
        Finding::error(name, reason, format!("run `chmod 600 {}`", shell_quoted(name)))
    };
    open.map(finding).collect()
}
