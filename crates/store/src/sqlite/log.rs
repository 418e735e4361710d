//! Checks the write-ahead log after a crash, before SQLite reads it.
//!
//! SQLite silently ignores its log from the first frame with a wrong checksum. This drops a transaction that a crash
//! interrupted. A changed byte in the middle of the log has the same effect, and drops all later transactions, although
//! they were acknowledged. Two sources distinguish the cases:
//!
//! 1. **The index** (`-shm`) counts the frames of all committed transactions. It is written after the log is synced, so
//!    it never counts too many. After a crash of the machine, it may be older or unreadable. Fewer valid frames than it
//!    counts mean that acknowledged changes are lost.
//! 2. **Frames after the first invalid one.** A frame's checksum continues that of the previous frame, so it can be verified
//!    from the value stored there. A crash can interrupt only the last transaction. Two commits after an invalid frame mean
//!    that acknowledged changes are lost.
//!
//! Not detected: a changed byte in the last transaction after a crash of the machine, and a log that was deleted together
//! with its index. Format: <https://www.sqlite.org/fileformat2.html#walformat> and
//! <https://www.sqlite.org/walformat.html>.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

/// The content of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Log {
    /// The last process did not close the store; the log has content.
    pub(super) is_unclean: bool,
    /// The log has acknowledged transactions that SQLite would ignore.
    pub(super) is_cut: bool,
}

const HEADER_BYTES: usize = 32;
const FRAME_HEADER: usize = 24;
const MAGIC: u32 = 0x377f_0682;
const MAX_PAGE: usize = 65_536;

/// The path of a database with a suffix.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Checks the log of a database that no process has open.
pub(super) fn look(path: &Path) -> io::Result<Log> {
    let index = Index::read(&beside(path, "-shm"))?;
    let Some(found) = Frames::read(&beside(path, "-wal"))? else {
        // A log without a header has no content.
        let is_cut = index.is_some_and(|index| index.frames > index.moved);
        return Ok(Log { is_unclean: is_cut, is_cut });
    };
    let counted = index.filter(|index| index.salt == found.salt);
    // Even if the database has all changes: SQLite would apply the first part of the log over them.
    let is_short = counted.as_ref().is_some_and(|index| found.committed < index.frames);
    let is_whole = counted.is_some_and(|index| found.committed == index.frames);
    let is_broken = !is_whole && found.commits_after_a_bad_frame > 1;
    Ok(Log { is_unclean: true, is_cut: is_short || is_broken })
}

/// The frames of a log.
#[derive(Debug, PartialEq, Eq)]
struct Frames {
    salt: [u8; 8],
    /// The number of valid frames up to the last commit.
    committed: u32,
    commits_after_a_bad_frame: u32,
}

impl Frames {
    /// `None` if there is no log, or one without a header.
    fn read(path: &Path) -> io::Result<Option<Self>> {
        let Some(file) = open(path)? else { return Ok(None) };
        let mut file = BufReader::with_capacity(1 << 16, file);
        let mut header = [0; HEADER_BYTES];
        if !fill(&mut file, &mut header)? {
            return Ok(None);
        }
        let (magic, page) = (word(&header, 0), word(&header, 8) as usize);
        if magic & !1 != MAGIC || !page.is_power_of_two() || !(512..=MAX_PAGE).contains(&page) {
            return Ok(None);
        }
        let order = if magic & 1 == 1 { u32::from_be_bytes } else { u32::from_le_bytes };
        let sum = checksum(order, (0, 0), &header[..24]);
        if sum != (word(&header, 24), word(&header, 28)) {
            return Ok(None);
        }
        let salt = part(&header, 16);
        Self { salt, committed: 0, commits_after_a_bad_frame: 0 }.count(&mut file, page, order, sum).map(Some)
    }

    fn count(mut self, file: &mut impl Read, page: usize, order: Order, mut sum: Sum) -> io::Result<Self> {
        let mut frame = vec![0; FRAME_HEADER + page];
        let (mut number, mut is_good) = (0, true);
        while fill(file, &mut frame)? {
            number += 1;
            let is_ours = part(&frame, 8) == self.salt; // otherwise, it is from before the log was restarted
            let expected = checksum(order, checksum(order, sum, &frame[..8]), &frame[FRAME_HEADER..]);
            sum = (word(&frame, 16), word(&frame, 20)); // the next frame continues it, if this one is invalid too
            let is_commit = word(&frame, 4) != 0;
            if sum != expected || !is_ours {
                is_good = false;
            } else if is_commit && is_good {
                self.committed = number;
            } else if is_commit {
                self.commits_after_a_bad_frame += 1;
            }
        }
        Ok(self)
    }
}

/// The header of the index.
#[derive(Debug, PartialEq, Eq)]
struct Index {
    /// The number of frames of committed transactions.
    frames: u32,
    /// The number of frames whose pages are in the database.
    moved: u32,
    salt: [u8; 8],
}

impl Index {
    /// `None` if there is no index, or an incomplete one.
    fn read(path: &Path) -> io::Result<Option<Self>> {
        let Some(mut file) = open(path)? else { return Ok(None) };
        let mut head = [0; 100];
        if !fill(&mut file, &mut head)? || head[..48] != head[48..96] {
            return Ok(None);
        }
        let native = |at| u32::from_ne_bytes(part(&head, at));
        if checksum(u32::from_ne_bytes, (0, 0), &head[..40]) != (native(40), native(44)) {
            return Ok(None);
        }
        Ok(Some(Self { frames: native(16), moved: native(96), salt: part(&head, 32) }))
    }
}

type Sum = (u32, u32);
type Order = fn([u8; 4]) -> u32;

fn checksum(order: Order, start: Sum, bytes: &[u8]) -> Sum {
    bytes.chunks_exact(8).fold(start, |(first, second), pair| {
        let first = first.wrapping_add(order(part(pair, 0))).wrapping_add(second);
        (first, second.wrapping_add(order(part(pair, 4))).wrapping_add(first))
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(part(bytes, at))
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[at..at + N]);
    part
}

/// Fills the buffer. Returns `false` at the end of the file, also within the buffer.
fn fill(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
