//! The invitations of a migration: a CSV file for the app's mailer, and the record of the end users who were invited.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;
use jiff::Timestamp;
use terra_auth::wire::admin::MigrationInvitation;

use crate::{
    command::connections::csv,
    failure::{CommandError, FailureKind},
};

const HEADER: &str = "reference_id,url,expires_at";

/// The expiry of the newest link of each end user. Empty if there is no file yet.
pub(super) fn read(path: &Path) -> anyhow::Result<BTreeMap<String, Timestamp>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read.with_context(|| format!("could not read {}", path.display()))?,
    };
    let mut lines = text.lines();
    let foreign = || {
        let message = format!("{} is not a file of invitations", path.display());
        CommandError::new(FailureKind::Misused, message, "choose another file")
    };
    if !text.is_empty() && lines.next() != Some(HEADER) {
        return Err(foreign().into());
    }
    let mut invited = BTreeMap::new();
    for line in lines {
        let fields = csv::split_line(line).map_err(|_| foreign())?;
        let [reference_id, _, expires_at] = <[String; 3]>::try_from(fields).map_err(|_| foreign())?;
        let expires_at: Timestamp = expires_at.parse().map_err(|_| foreign())?;
        invited.entry(reference_id).and_modify(|end: &mut Timestamp| *end = expires_at.max(*end)).or_insert(expires_at);
    }
    Ok(invited)
}

/// Opens or creates the file to append to it. Only its owner can read it, because anyone with a link can connect.
pub(super) fn open_for_append(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    if file.metadata()?.len() == 0 {
        writeln!(file, "{HEADER}")?;
    }
    Ok(file)
}

/// Appends links. They are durable when this returns.
pub(super) fn append_links(file: &mut File, invitations: &[MigrationInvitation]) -> io::Result<()> {
    let line = |invitation: &MigrationInvitation| {
        let MigrationInvitation { reference_id, url, expires_at } = invitation;
        format!("{},{},{expires_at}\n", csv::quote(reference_id.as_str()), csv::quote(url.as_str()))
    };
    file.write_all(invitations.iter().map(line).collect::<String>().as_bytes())?;
    file.sync_all()
}
