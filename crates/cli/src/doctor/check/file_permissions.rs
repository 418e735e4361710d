use super::word;
use crate::doctor::{Finding, context::Context, env_files::EnvFile};

/// Only its owner can open a file with keys.
pub(super) fn check(context: &Context) -> Vec<Finding> {
    let open = context.env_files.iter().filter(|file| file.open_to_others && file.is_secret());
    let finding = |EnvFile { name, .. }: &EnvFile| {
        let reason = "other users of this machine can open the file and read its keys";
        Finding::error(name, reason, format!("run `chmod 600 {}`", word(name)))
    };
    open.map(finding).collect()
}
