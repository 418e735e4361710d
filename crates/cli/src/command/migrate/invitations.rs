//! The invitations of a migration: a CSV file for the app's mailer, and our memory of who was invited.

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
    failure::{Advice, Kind},
};

const HEADER: &str = "reference_id,url,expires_at";

/// Until when the newest link of each end user works; nobody if there is no file yet.
pub(super) fn read(path: &Path) -> anyhow::Result<BTreeMap<String, Timestamp>> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        read => read.with_context(|| format!("could not read {}", path.display()))?,
    };
    let mut lines = text.lines();
    let foreign = || {
        let message = format!("{} is no file of invitations", path.display());
        Advice::new(Kind::Misused, message, "name another file")
    };
    if !text.is_empty() && lines.next() != Some(HEADER) {
        return Err(foreign().into());
    }
    let mut invited = BTreeMap::new();
    for line in lines {
        let fields = csv::fields(line).map_err(|_| foreign())?;
        let [reference_id, _, expires_at] = <[String; 3]>::try_from(fields).map_err(|_| foreign())?;
        let expires_at: Timestamp = expires_at.parse().map_err(|_| foreign())?;
        invited.entry(reference_id).and_modify(|end: &mut Timestamp| *end = expires_at.max(*end)).or_insert(expires_at);
    }
    Ok(invited)
}

/// Opens the file to add to it. Only its owner can read it: a link lets whoever has it connect.
pub(super) fn append(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    if file.metadata()?.len() == 0 {
        writeln!(file, "{HEADER}")?;
    }
    Ok(file)
}

/// Adds links; they are on the disk when this returns.
pub(super) fn add(file: &mut File, invitations: &[MigrationInvitation]) -> io::Result<()> {
    let line = |invitation: &MigrationInvitation| {
        let MigrationInvitation { reference_id, url, expires_at } = invitation;
        format!("{},{},{expires_at}\n", csv::quoted(reference_id.as_str()), csv::quoted(url.as_str()))
    };
    file.write_all(invitations.iter().map(line).collect::<String>().as_bytes())?;
    file.sync_all()
}
