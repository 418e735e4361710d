//! The search for the folder with an environment's credential file.

use std::path::{Path, PathBuf};

use terra_auth_types::Environment;

use super::load::files;
use crate::ownership::{self, Access};

/// Returns the folder with the credential file of `environment`: the working directory, or the nearest folder
/// above it that has one.
///
/// The search ends at the root of the repository, the user's home folder, or the last folder on the same file
/// system. A file above the working directory counts only if no other user can change it: see
/// [`crate::ownership`]. If there is no file, the result is the working directory, as an empty path.
#[must_use]
pub fn credential_folder(environment: Environment) -> PathBuf {
    let Ok(here) = std::env::current_dir() else { return PathBuf::new() };
    let home = std::env::var_os("HOME").map(PathBuf::from);
    nearest_folder_with_file(environment, &here, home.as_deref()).unwrap_or_default()
}

/// Returns `None` for the working directory itself.
fn nearest_folder_with_file(environment: Environment, here: &Path, home: Option<&Path>) -> Option<PathBuf> {
    let has = |folder: &Path| files(environment).into_iter().map(|name| folder.join(name)).find(|file| exists(file));
    if has(here).is_some() {
        return None;
    }
    let mut below = here;
    while !is_last(below, home) {
        let folder = below.parent()?;
        if !is_on_same_file_system(below, folder) {
            return None;
        }
        if has(folder).is_some_and(|file| ownership::check(&file, Access::Change).is_ok()) {
            return Some(folder.to_owned());
        }
        below = folder;
    }
    None
}

fn exists(file: &Path) -> bool {
    file.symlink_metadata().is_ok()
}

fn is_last(folder: &Path, home: Option<&Path>) -> bool {
    exists(&folder.join(".git")) || home.is_some_and(|home| home == folder)
}

#[cfg(unix)]
fn is_on_same_file_system(a: &Path, b: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |folder: &Path| folder.metadata().map(|metadata| metadata.dev()).ok();
    device(a).is_some() && device(a) == device(b)
}

#[cfg(not(unix))]
fn is_on_same_file_system(_: &Path, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use tempfile::TempDir;
    use terra_auth_types::Environment;

    use super::nearest_folder_with_file;

    const NAME: &str = ".env.terra.testing";

    /// Creates `a/b/c` with credential files in these folders.
    fn tree(folders: &[&str]) -> TempDir {
        let tree = tempfile::tempdir().unwrap();
        fs::create_dir_all(tree.path().join("a/b/c")).unwrap();
        for folder in folders {
            fs::write(tree.path().join(folder).join(NAME), "").unwrap();
        }
        tree
    }

    fn found(tree: &TempDir, home: Option<&str>) -> Option<PathBuf> {
        let home = home.map(|home| tree.path().join(home));
        let found = nearest_folder_with_file(Environment::Testing, &tree.path().join("a/b/c"), home.as_deref())?;
        Some(found.strip_prefix(tree.path()).unwrap().to_owned())
    }

    #[test]
    fn the_nearest_folder_is_used() {
        assert_eq!(found(&tree(&["a", "a/b"]), None), Some("a/b".into()));
        assert_eq!(found(&tree(&["a"]), None), Some("a".into()));
        assert_eq!(found(&tree(&["a", "a/b/c"]), None), None);
        assert_eq!(found(&tree(&[]), None), None);
    }

    #[test]
    fn a_repository_and_the_home_folder_end_the_search() {
        let tree = tree(&["a"]);
        assert_eq!(found(&tree, Some("a")), Some("a".into()));
        assert_eq!(found(&tree, Some("a/b")), None);
        fs::create_dir(tree.path().join("a/.git")).unwrap();
        assert_eq!(found(&tree, None), Some("a".into()));
        fs::write(tree.path().join("a/b/.git"), "gitdir: elsewhere").unwrap();
        assert_eq!(found(&tree, None), None);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_change_or_replace_does_not_count() {
        use std::os::unix::fs::PermissionsExt as _;
        let tree = tree(&["a", "a/b"]);
        let set_mode = |path: &str, mode| {
            let path: &Path = &tree.path().join(path);
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        set_mode("a/b/.env.terra.testing", 0o646);
        assert_eq!(found(&tree, None), Some("a".into()));
        set_mode("a/b/.env.terra.testing", 0o644);
        assert_eq!(found(&tree, None), Some("a/b".into()));
        set_mode("a/b", 0o777);
        assert_eq!(found(&tree, None), Some("a".into()));
    }
}
