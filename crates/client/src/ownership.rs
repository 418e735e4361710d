//! Checks that only this user and root can change a file or folder, and that only they can read a secret.
//!
//! The rules are those of an SSH server for its users' keys. A path passes if
//!
//! 1. each entry of the path, including symbolic links and their targets, belongs to this user or to root;
//! 2. no other user can write to a folder of the path. A sticky folder such as `/tmp` may be writable by all, because
//!    users cannot rename files of other users there;
//! 3. no other user can write to the file or folder itself;
//! 4. for a secret: no other user can read it.
//!
//! Common environments require four exceptions:
//!
//! - A group whose only member is this user counts as this user. Examples are the private group that Linux
//!   distributions create for each user, and the `fsGroup` of a Kubernetes pod. Group 0 counts as root.
//! - OpenShift runs images under a user that owns no files, in group 0. So for a process of group 0 whose user is not
//!   root, files of group 0 count as its own.
//! - On a file system that is mounted read-only, nothing can be changed, and orchestrators mount secrets
//!   readable there. So rules 1 to 3 do not apply, and rule 4 does not apply to files of root.
//! - A secret that root owns may be readable by its group. A secret without any write permission may be
//!   readable by all, because container runtimes mount secrets so.
//!
//! [`TRUSTED_UIDS`] names additional users, for a folder of the host that is mounted into a container.
//!
//! On systems whose files have no owner and mode, every path passes.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The variable with additional user ids, comma-separated, whose files count as this user's own.
pub const TRUSTED_UIDS: &str = "TERRA_AUTH_TRUSTED_UIDS";

/// The access that other users must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Change: for files that decide where a secret is sent.
    Change,
    /// Change or read: for files that contain a secret.
    ReadOrChange,
}

/// The reason why a file or folder does not pass.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    /// Another user owns the entry.
    #[error("{} belongs to another user (uid {uid})", path.display())]
    OtherOwner {
        /// The file, or a folder of its path.
        path: PathBuf,
        /// The id of the owner.
        uid: u32,
    },
    /// Other users can change the entry.
    #[error("other users of this machine can change {}", path.display())]
    Writable {
        /// The file, or a folder of its path.
        path: PathBuf,
    },
    /// Other users can read the file.
    #[error("other users of this machine can open {}", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
    },
    /// The entry cannot be examined.
    #[error("could not read {}", path.display())]
    Unreadable {
        /// The file, or a folder of its path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl OwnershipError {
    /// Returns the command or setting that fixes the problem.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::OtherOwner { path, uid } => format!(
                "run `chown {} {}`, or set {TRUSTED_UIDS}={uid} to trust user {uid} like this one",
                own_uid(),
                path.display()
            ),
            Self::Writable { path } => format!("run `chmod go-w {}`", path.display()),
            Self::Readable { path } => format!("run `chmod 600 {}`", path.display()),
            Self::Unreadable { path, .. } => format!("check that {} exists and is readable", path.display()),
        }
    }

    /// The file, or a folder of its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::OtherOwner { path, .. }
            | Self::Writable { path }
            | Self::Readable { path }
            | Self::Unreadable { path, .. } => path,
        }
    }

    /// Whether the file or folder does not exist.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Checks a file or folder and all entries of its path.
///
/// If it passes, no other user can replace it between this check and its use.
///
/// # Errors
///
/// [`OwnershipError`] names the entry that does not pass; [`OwnershipError::remedy`] returns the fix.
pub fn check(path: &Path, access: Access) -> Result<(), OwnershipError> {
    system::check(path, access)
}

/// Whether the mode of a file allows other users to open it, unless the file is a secret that is mounted for this
/// process.
///
/// This is for warnings, and stricter about groups than [`check`], because `chmod 600` does no harm.
#[must_use]
pub fn is_open_to_others(file: &Path) -> bool {
    system::is_open_to_others(file)
}

/// The id of the user that runs this process; `None` on systems without user ids.
pub(crate) fn uid() -> Option<u32> {
    cfg!(unix).then(own_uid)
}

#[cfg(not(unix))]
mod system {
    use std::path::Path;

    use super::{Access, OwnershipError};

    pub(super) fn check(_: &Path, _: Access) -> Result<(), OwnershipError> {
        Ok(())
    }

    pub(super) fn is_open_to_others(_: &Path) -> bool {
        false
    }

    pub(super) fn own_uid() -> u32 {
        0
    }
}

use system::own_uid;

#[cfg(unix)]
mod system {
    use std::{
        collections::VecDeque,
        ffi::OsString,
        fs::{self, Metadata},
        io,
        os::unix::fs::MetadataExt as _,
        path::{Component, Path, PathBuf},
    };

    use rustix::fs::{StatVfsMountFlags, statvfs};

    use super::{Access, OwnershipError, TRUSTED_UIDS};

    const STICKY: u32 = 0o1000;
    const WRITABLE_BY_ALL: u32 = 0o002;
    const WRITABLE_BY_GROUP: u32 = 0o020;
    const WRITABLE: u32 = 0o222;
    const READABLE_BY_ALL: u32 = 0o004;
    const READABLE_BY_GROUP: u32 = 0o040;
    /// The maximum number of symbolic links in a path on Linux.
    const MAX_LINKS: usize = 40;

    pub(super) fn check(path: &Path, access: Access) -> Result<(), OwnershipError> {
        PathWalk { me: ProcessUser::of_process(), links: 0 }.check(path, access)
    }

    pub(super) fn own_uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    pub(super) fn is_open_to_others(file: &Path) -> bool {
        let open = |found: Metadata| found.mode() & 0o077 != 0 && found.mode() & WRITABLE != 0;
        fs::metadata(file).is_ok_and(open) && !is_read_only(file)
    }

    /// Resolves a path like the system, one entry at a time.
    struct PathWalk {
        me: ProcessUser,
        links: usize,
    }

    impl PathWalk {
        fn check(&mut self, path: &Path, access: Access) -> Result<(), OwnershipError> {
            let unreadable = |path: &Path, source| OwnershipError::Unreadable { path: path.to_owned(), source };
            let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            let absolute = std::path::absolute(here).map_err(|source| unreadable(path, source))?;
            let mut rest = steps(&absolute);
            let mut at = PathBuf::from("/");
            let mut found = fs::symlink_metadata(&at).map_err(|source| unreadable(&at, source))?;
            while let Some(step) = rest.pop_front() {
                if step == ".." {
                    at.pop();
                    found = fs::symlink_metadata(&at).map_err(|source| unreadable(&at, source))?;
                    continue;
                }
                self.check_folder(&at, &found)?;
                let next = at.join(&step);
                let entry = fs::symlink_metadata(&next).map_err(|source| unreadable(&next, source))?;
                if !entry.is_symlink() {
                    (at, found) = (next, entry);
                    continue;
                }
                self.check_owner(&next, &entry)?;
                self.links += 1;
                if self.links > MAX_LINKS {
                    return Err(unreadable(&next, io::Error::other("too many symbolic links")));
                }
                let target = fs::read_link(&next).map_err(|source| unreadable(&next, source))?;
                if target.is_absolute() {
                    at = PathBuf::from("/");
                    found = fs::symlink_metadata(&at).map_err(|source| unreadable(&at, source))?;
                }
                let mut steps = steps(&target);
                steps.append(&mut rest);
                rest = steps;
            }
            self.check_last(here, &found, access)
        }

        /// Checks a folder of the path.
        fn check_folder(&self, path: &Path, found: &Metadata) -> Result<(), OwnershipError> {
            self.check_owner(path, found)?;
            // In a sticky folder, other users cannot replace a user's files.
            if found.mode() & STICKY != 0 { Ok(()) } else { self.check_writers(path, found) }
        }

        fn check_last(&self, path: &Path, found: &Metadata, access: Access) -> Result<(), OwnershipError> {
            self.check_owner(path, found)?;
            self.check_writers(path, found)?;
            let readable = access == Access::ReadOrChange && found.is_file() && lets_others_read(path, found);
            if readable { Err(OwnershipError::Readable { path: path.to_owned() }) } else { Ok(()) }
        }

        fn check_owner(&self, path: &Path, found: &Metadata) -> Result<(), OwnershipError> {
            if self.me.owns(found) || is_read_only(path) {
                return Ok(());
            }
            Err(OwnershipError::OtherOwner { path: path.to_owned(), uid: found.uid() })
        }

        fn check_writers(&self, path: &Path, found: &Metadata) -> Result<(), OwnershipError> {
            let by_group = found.mode() & WRITABLE_BY_GROUP != 0 && !self.me.is_alone_in(found.gid());
            if (found.mode() & WRITABLE_BY_ALL != 0 || by_group) && !is_read_only(path) {
                return Err(OwnershipError::Writable { path: path.to_owned() });
            }
            Ok(())
        }
    }

    /// Returns the entries of a path, without the root.
    fn steps(path: &Path) -> VecDeque<OsString> {
        let step = |component: Component<'_>| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        };
        path.components().filter_map(step).collect()
    }

    /// If the status of the file system is unknown, it counts as writable. A link is on the file system of its
    /// folder.
    fn is_read_only(path: &Path) -> bool {
        let folder = if path.is_symlink() { path.parent().unwrap_or(path) } else { path };
        statvfs(folder).is_ok_and(|status| status.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// The user and the groups of this process.
    struct ProcessUser {
        uid: u32,
        gid: u32,
        groups: Vec<u32>,
        /// Additional users that count as this one.
        others: Vec<u32>,
    }

    impl ProcessUser {
        fn of_process() -> Self {
            let groups = rustix::process::getgroups().unwrap_or_default();
            let others = std::env::var(TRUSTED_UIDS).unwrap_or_default();
            Self {
                uid: rustix::process::geteuid().as_raw(),
                gid: rustix::process::getegid().as_raw(),
                groups: groups.into_iter().map(rustix::process::Gid::as_raw).collect(),
                others: others.split(',').filter_map(|uid| uid.trim().parse().ok()).collect(),
            }
        }

        fn owns(&self, found: &Metadata) -> bool {
            let as_openshift = self.uid != 0 && self.gid == 0 && found.gid() == 0;
            [0, self.uid].contains(&found.uid()) || self.others.contains(&found.uid()) || as_openshift
        }

        /// Whether a group has no members except this user and root.
        fn is_alone_in(&self, gid: u32) -> bool {
            let is_member = self.gid == gid || self.groups.contains(&gid);
            gid == 0 || is_member && LocalAccounts::of_system().has_only(gid, self.uid)
        }
    }

    fn lets_others_read(path: &Path, found: &Metadata) -> bool {
        let (mode, is_roots) = (found.mode(), found.uid() == 0);
        if mode & WRITABLE == 0 || is_roots && is_read_only(path) {
            return false;
        }
        mode & READABLE_BY_ALL != 0 || mode & READABLE_BY_GROUP != 0 && !is_roots
    }

    /// The users and groups in this machine's own files.
    struct LocalAccounts {
        passwd: String,
        group: String,
        /// Whether the files are complete, without users of a directory service.
        are_all: bool,
    }

    impl LocalAccounts {
        fn of_system() -> Self {
            let text = |path| fs::read_to_string(path).unwrap_or_default();
            let are_all = are_local(&text("/etc/nsswitch.conf"));
            Self { passwd: text("/etc/passwd"), group: text("/etc/group"), are_all }
        }

        /// Other systems store groups elsewhere, so there no group counts as a private group.
        fn has_only(&self, gid: u32, uid: u32) -> bool {
            let mine = |name: &str| {
                self.passwd.lines().any(|line| {
                    LocalAccount::read(line).is_some_and(|it| it.name == name && [0, uid].contains(&it.uid))
                })
            };
            let mut groups = self.group.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let group = groups.find(|fields| fields.get(2).is_some_and(|field| *field == gid.to_string()));
            if cfg!(not(target_os = "linux")) || group.is_none() && !self.are_all && gid != uid {
                return false;
            }
            let members =
                group.and_then(|fields| fields.get(3).map(|members| (*members).to_owned())).unwrap_or_default();
            let mut members = members.split(',').filter(|name| !name.trim().is_empty());
            let mut accounts = self.passwd.lines().filter_map(LocalAccount::read);
            members.all(|name| mine(name.trim())) && accounts.all(|it| it.gid != gid || [0, uid].contains(&it.uid))
        }
    }

    struct LocalAccount<'a> {
        name: &'a str,
        uid: u32,
        gid: u32,
    }

    impl<'a> LocalAccount<'a> {
        fn read(line: &'a str) -> Option<Self> {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(Self { name, uid, gid })
        }
    }

    /// Whether groups are defined only in this machine's own files.
    fn are_local(nsswitch: &str) -> bool {
        let line = nsswitch.lines().find_map(|line| line.trim().strip_prefix("group:"));
        line.unwrap_or_default().split_whitespace().all(|source| {
            ["files", "compat", "systemd", "altfiles", "mymachines"].contains(&source) || source.starts_with('[')
        })
    }

    #[cfg(test)]
    mod tests {
        use super::{LocalAccounts, are_local};

        const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n\
            eve:x:1002:50::/:/bin/sh\n";

        fn accounts(group: &str, are_all: bool) -> LocalAccounts {
            LocalAccounts { passwd: PASSWD.to_owned(), group: group.to_owned(), are_all }
        }

        #[test]
        fn a_group_with_one_member_counts_as_that_user() {
            let groups = "root:x:0:\nann:x:1000:\nteam:x:60:ann,bob\nsolo:x:61:ann,root\nstaff:x:50:\n";
            for (gid, alone) in [(1000, true), (60, false), (61, true), (50, false), (1001, false)] {
                assert_eq!(accounts(groups, true).has_only(gid, 1000), alone, "{gid}");
            }
        }

        #[test]
        fn a_group_without_an_entry_is_private_unless_a_directory_service_is_used() {
            assert!(accounts("", true).has_only(2000, 1000));
            assert!(!accounts("", false).has_only(2000, 1000));
            assert!(accounts("", false).has_only(1000, 1000));
            assert!(are_local("") && are_local("passwd: files sss\ngroup: files [SUCCESS=merge] systemd\n"));
            assert!(!are_local("group: files sss\n") && !are_local("group:\tfiles ldap"));
        }
    }
}
