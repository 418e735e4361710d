//! Which files and folders only this user and root can change, and which secrets only they can read.
//!
//! The rule is that of an SSH server for its users' keys. A path passes if
//!
//! 1. each entry on the way, symbolic links and what they lead to included, belongs to this user or to root;
//! 2. no other user can write to a folder on the way. A sticky folder such as `/tmp` may be writable by all, because nobody
//!    there can rename what belongs to another user;
//! 3. no other user can write to the file or folder itself;
//! 4. for a secret: no other user can read it.
//!
//! What people run needs four exceptions:
//!
//! - A group in which this user is alone, such as the private group that Linux distributions give to each user or the
//!   `fsGroup` of a Kubernetes pod, counts as this user. Group 0 counts as root.
//! - A process of group 0 whose user is not root runs as OpenShift runs images: under a user that owns nothing. For it, what
//!   belongs to group 0 counts as its own.
//! - On a file system that is mounted read-only, nothing can be changed, and the secret of an orchestrator is mounted
//!   readable: rules 1 to 3 do not apply there, and rule 4 applies to no file that root owns.
//! - A secret that root owns may be readable by its group. One that nobody may write to, which is how container runtimes
//!   mount secrets, may be readable by all.
//!
//! [`TRUSTED_UIDS`] names further users, for a folder of the host that is mounted into a container.
//!
//! Where files have no owner and mode, everything passes.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The variable that names further user ids whose files count as this user's own, separated by commas.
pub const TRUSTED_UIDS: &str = "TERRA_AUTH_TRUSTED_UIDS";

/// What other users must not be able to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Change it: for what decides where a secret goes.
    Change,
    /// Change it or read it: for what holds a secret.
    ReadOrChange,
}

/// Why a file or folder does not pass.
#[derive(Debug, thiserror::Error)]
pub enum OwnershipError {
    /// Another user owns it.
    #[error("{} belongs to another user (uid {uid})", path.display())]
    OtherOwner {
        /// The file, or a folder on the way to it.
        path: PathBuf,
        /// The user.
        uid: u32,
    },
    /// Another user can change it.
    #[error("other users of this machine can change {}", path.display())]
    Writable {
        /// The file, or a folder on the way to it.
        path: PathBuf,
    },
    /// Another user can read it.
    #[error("other users of this machine can open {}", path.display())]
    Readable {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be examined.
    #[error("could not read {}", path.display())]
    Unreadable {
        /// The file, or a folder on the way to it.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl OwnershipError {
    /// What makes it pass.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::OtherOwner { path, uid } => format!(
                "run `chown {} {}`, or, if user {uid} is to be trusted like this one, set {TRUSTED_UIDS}={uid}",
                own_uid(),
                path.display()
            ),
            Self::Writable { path } => format!("run `chmod go-w {}`", path.display()),
            Self::Readable { path } => format!("run `chmod 600 {}`", path.display()),
            Self::Unreadable { path, .. } => format!("check that {} is there and can be read", path.display()),
        }
    }

    /// The file, or a folder on the way to it.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::OtherOwner { path, .. }
            | Self::Writable { path }
            | Self::Readable { path }
            | Self::Unreadable { path, .. } => path,
        }
    }

    /// Whether there is no such file or folder.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Unreadable { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}

/// Checks a file or folder and everything on the way to it.
///
/// If it passes, no other user can exchange it between this check and its use.
///
/// # Errors
///
/// [`OwnershipError`] names the entry that does not pass, and [`OwnershipError::remedy`] what to do about it.
pub fn check(path: &Path, access: Access) -> Result<(), OwnershipError> {
    system::check(path, access)
}

/// Whether the mode of a file lets other users open it, unless the file is a secret that is mounted for this process.
///
/// This is stricter about groups than [`check`], for warnings: `chmod 600` is no harm.
#[must_use]
pub fn is_open_to_others(file: &Path) -> bool {
    system::is_open_to_others(file)
}

/// The user whom this process runs as. `None` where users have no numbers.
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
    /// As many links as a path may have on Linux.
    const MOST_LINKS: usize = 40;

    pub(super) fn check(path: &Path, access: Access) -> Result<(), OwnershipError> {
        Walk { me: Identity::of_process(), links: 0 }.check(path, access)
    }

    pub(super) fn own_uid() -> u32 {
        rustix::process::geteuid().as_raw()
    }

    pub(super) fn is_open_to_others(file: &Path) -> bool {
        let open = |found: Metadata| found.mode() & 0o077 != 0 && found.mode() & WRITABLE != 0;
        fs::metadata(file).is_ok_and(open) && !is_read_only(file)
    }

    /// Follows a path as the system does, one entry at a time.
    struct Walk {
        me: Identity,
        links: usize,
    }

    impl Walk {
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
                if self.links > MOST_LINKS {
                    return Err(unreadable(&next, io::Error::other("it leads through too many links")));
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

        /// A folder on the way.
        fn check_folder(&self, path: &Path, found: &Metadata) -> Result<(), OwnershipError> {
            self.check_owner(path, found)?;
            // What belongs to a user in a sticky folder stays that user's.
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

    /// The entries of a path, without the root.
    fn steps(path: &Path) -> VecDeque<OsString> {
        let step = |component: Component<'_>| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        };
        path.components().filter_map(step).collect()
    }

    /// A file system that cannot be asked is taken to be writable. A link is on the file system of its folder.
    fn is_read_only(path: &Path) -> bool {
        let folder = if path.is_symlink() { path.parent().unwrap_or(path) } else { path };
        statvfs(folder).is_ok_and(|status| status.f_flag.contains(StatVfsMountFlags::RDONLY))
    }

    /// Who this process is.
    struct Identity {
        uid: u32,
        gid: u32,
        groups: Vec<u32>,
        /// Further users that count as this one.
        others: Vec<u32>,
    }

    impl Identity {
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

        /// Whether a group has no member but this user and root.
        fn is_alone_in(&self, gid: u32) -> bool {
            let is_member = self.gid == gid || self.groups.contains(&gid);
            gid == 0 || is_member && Accounts::of_system().has_only(gid, self.uid)
        }
    }

    fn lets_others_read(path: &Path, found: &Metadata) -> bool {
        let (mode, is_roots) = (found.mode(), found.uid() == 0);
        if mode & WRITABLE == 0 || is_roots && is_read_only(path) {
            return false;
        }
        mode & READABLE_BY_ALL != 0 || mode & READABLE_BY_GROUP != 0 && !is_roots
    }

    /// The users and groups that this machine's own files name.
    struct Accounts {
        passwd: String,
        group: String,
        /// Whether there are no others, such as those of a directory service.
        are_all: bool,
    }

    impl Accounts {
        fn of_system() -> Self {
            let text = |path| fs::read_to_string(path).unwrap_or_default();
            let are_all = are_local(&text("/etc/nsswitch.conf"));
            Self { passwd: text("/etc/passwd"), group: text("/etc/group"), are_all }
        }

        /// Other systems keep groups in other places, so there no group counts as one user's.
        fn has_only(&self, gid: u32, uid: u32) -> bool {
            let mine = |name: &str| {
                self.passwd
                    .lines()
                    .any(|line| Account::read(line).is_some_and(|it| it.name == name && [0, uid].contains(&it.uid)))
            };
            let mut groups = self.group.lines().map(|line| line.split(':').collect::<Vec<_>>());
            let group = groups.find(|fields| fields.get(2).is_some_and(|field| *field == gid.to_string()));
            if cfg!(not(target_os = "linux")) || group.is_none() && !self.are_all && gid != uid {
                return false;
            }
            let members =
                group.and_then(|fields| fields.get(3).map(|members| (*members).to_owned())).unwrap_or_default();
            let mut members = members.split(',').filter(|name| !name.trim().is_empty());
            let mut accounts = self.passwd.lines().filter_map(Account::read);
            members.all(|name| mine(name.trim())) && accounts.all(|it| it.gid != gid || [0, uid].contains(&it.uid))
        }
    }

    struct Account<'a> {
        name: &'a str,
        uid: u32,
        gid: u32,
    }

    impl<'a> Account<'a> {
        fn read(line: &'a str) -> Option<Self> {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(Self { name, uid, gid })
        }
    }

    /// Whether groups come from this machine's own files only.
    fn are_local(nsswitch: &str) -> bool {
        let line = nsswitch.lines().find_map(|line| line.trim().strip_prefix("group:"));
        line.unwrap_or_default().split_whitespace().all(|source| {
            ["files", "compat", "systemd", "altfiles", "mymachines"].contains(&source) || source.starts_with('[')
        })
    }

    #[cfg(test)]
    mod tests {
        use super::{Accounts, are_local};

        const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n\
            eve:x:1002:50::/:/bin/sh\n";

        fn accounts(group: &str, are_all: bool) -> Accounts {
            Accounts { passwd: PASSWD.to_owned(), group: group.to_owned(), are_all }
        }

        #[test]
        fn a_group_with_one_member_is_that_users() {
            let groups = "root:x:0:\nann:x:1000:\nteam:x:60:ann,bob\nsolo:x:61:ann,root\nstaff:x:50:\n";
            for (gid, alone) in [(1000, true), (60, false), (61, true), (50, false), (1001, false)] {
                assert_eq!(accounts(groups, true).has_only(gid, 1000), alone, "{gid}");
            }
        }

        #[test]
        fn a_group_of_no_file_is_a_containers_or_of_a_directory_service() {
            assert!(accounts("", true).has_only(2000, 1000));
            assert!(!accounts("", false).has_only(2000, 1000));
            assert!(accounts("", false).has_only(1000, 1000));
            assert!(are_local("") && are_local("passwd: files sss\ngroup: files [SUCCESS=merge] systemd\n"));
            assert!(!are_local("group: files sss\n") && !are_local("group:\tfiles ldap"));
        }
    }
}
