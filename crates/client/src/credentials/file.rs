//! Parses a credential file line by line, because errors name the line.

use std::{
    cell::Cell,
    fs::File,
    io::{self, Read},
    path::Path,
};

use super::{CredentialsError, FileDigest};

/// A longer file is not a credential file.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// `KEY=value`, and the line where it starts.
pub(super) struct Entry {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) value: String,
}

/// The entries of a file, and the digest of the text that they were parsed from.
pub(super) struct ReadFile {
    pub(super) entries: Vec<Entry>,
    pub(super) digest: FileDigest,
}

/// Parses a file. Returns `None` if it does not exist. The file is read once, so the digest matches the entries.
pub(super) fn read(file: &Path) -> Result<Option<ReadFile>, CredentialsError> {
    let unreadable = |source| CredentialsError::Unreadable { file: file.to_owned(), source };
    let bytes = match File::open(file).and_then(bytes) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unreadable(source)),
    };
    let digest = FileDigest::of(&bytes);
    let text = String::from_utf8(bytes).map_err(|_| unreadable(io::ErrorKind::InvalidData.into()))?;
    let malformed = |(line, problem)| CredentialsError::Malformed { file: file.to_owned(), line, problem };
    entries(&text).map(|entries| Some(ReadFile { entries, digest })).map_err(malformed)
}

fn bytes(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)? as u64 > MAX_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "longer than 64 KiB"));
    }
    Ok(bytes)
}

const NOT_AN_ENTRY: &str = "is not KEY=value; quote a value that has spaces, and close every quote";
const HAS_EXPANSION: &str = "has a `$`, which would be replaced by another variable; put the value in single quotes";
const DUPLICATE_KEY: &str = "sets a key that an earlier line has set; delete one of them";

/// The parser's error is dropped, because it contains the text of the line.
fn entries(text: &str) -> Result<Vec<Entry>, (usize, &'static str)> {
    // The parser does not accept a byte order mark, and requires a line break after a space.
    let text = format!("{}\n", text.trim_start_matches('\u{feff}'));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let taken = Cell::new(0);
    let mut parsed = dotenvy::from_read_iter(LineByLine { rest: text.as_bytes(), taken: &taken });
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let start = taken.get() + lines[taken.get()..].iter().take_while(|line| is_blank_or_comment(line)).count();
        let Some(entry) = parsed.next() else { return Ok(entries) };
        let (key, value) = entry.map_err(|_| (start + 1, NOT_AN_ENTRY))?;
        let written = lines[start..taken.get()].concat();
        if key.starts_with("TERRA_") && has_variable_expansion(&written) {
            return Err((start + 1, HAS_EXPANSION));
        }
        if key.starts_with("TERRA_") && entries.iter().any(|earlier| earlier.key == key) {
            return Err((start + 1, DUPLICATE_KEY));
        }
        entries.push(Entry { line: start + 1, key, value });
    }
}

fn is_blank_or_comment(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

/// Whether the parser would expand a variable in this entry, perhaps one of the process environment. Only
/// within single quotes is a `$` always literal.
#[must_use]
pub fn has_variable_expansion(written: &str) -> bool {
    let value = written.split_once('=').map_or("", |(_, value)| value);
    let (mut quote, mut escaped) = (None, false);
    for c in value.chars() {
        match (c, quote) {
            ('$', None | Some('"')) => return true,
            ('\'', Some('\'')) => quote = None,
            (_, Some('\'')) => {}
            _ if escaped => escaped = false,
            ('\\', _) => escaped = true,
            ('"', Some('"')) => quote = None,
            ('"' | '\'', None) => quote = Some(c),
            _ => {}
        }
    }
    false
}

/// Returns one line per read, and counts the lines.
struct LineByLine<'a> {
    rest: &'a [u8],
    taken: &'a Cell<usize>,
}

impl Read for LineByLine<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let line = self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |end| end + 1);
        let length = line.min(buffer.len());
        let (now, rest) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.rest = rest;
        self.taken.set(self.taken.get() + usize::from(now.ends_with(b"\n")));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::{DUPLICATE_KEY, HAS_EXPANSION, NOT_AN_ENTRY, entries};

    type Row = (usize, String, String);

    fn read(text: &str) -> Result<Vec<Row>, (usize, &'static str)> {
        Ok(entries(text)?.into_iter().map(|entry| (entry.line, entry.key, entry.value)).collect())
    }

    fn entry(line: usize, key: &str, value: &str) -> Row {
        (line, key.to_owned(), value.to_owned())
    }

    #[test]
    fn every_entry_has_its_line() {
        let text =
            "\u{feff}# keys\r\n\nTERRA_DEV_ID=acme # ours\r\nOTHER=\"two\nlines\"\n  # more\nexport A='b c'\nB=1 ";
        let expected = [
            entry(3, "TERRA_DEV_ID", "acme"),
            entry(4, "OTHER", "two\nlines"),
            entry(7, "A", "b c"),
            entry(8, "B", "1"),
        ];
        assert_eq!(read(text).unwrap(), expected);
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn a_broken_line_is_named() {
        assert_eq!(read("A=1\n\nTERRA_API_KEY\n"), Err((3, NOT_AN_ENTRY)));
        assert_eq!(read("A=1\nB=two words\n"), Err((2, NOT_AN_ENTRY)));
        assert_eq!(read("# a\nA=\"never closed\nB=1\n"), Err((2, NOT_AN_ENTRY)));
        assert_eq!(read("TERRA_API_KEY=a\n# b\nTERRA_API_KEY=b\n"), Err((3, DUPLICATE_KEY)));
    }

    #[test]
    fn a_dollar_is_literal_or_rejected() {
        assert_eq!(read("TERRA_API_KEY=a$HOME\n"), Err((1, HAS_EXPANSION)));
        assert_eq!(read("TERRA_API_KEY=\"a${HOME}\"\n"), Err((1, HAS_EXPANSION)));
        for value in ["'a'$HOME", "'a'\"$HOME\"", "\"'$HOME'\"", "\\'$HOME\\'", "a\"'\"$HOME'", "'a\\'$HOME'b'"] {
            let refused = read(&format!("TERRA_API_KEY={value}\n"));
            assert!(matches!(refused, Err((1, HAS_EXPANSION | NOT_AN_ENTRY))), "{value}: {refused:?}");
        }
        assert_eq!(read("TERRA_API_KEY='a$HOME'\n").unwrap(), [entry(1, "TERRA_API_KEY", "a$HOME")]);
    }

    #[test]
    fn a_line_longer_than_a_buffer_is_one_line() {
        let long = "x".repeat(20_000);
        assert_eq!(read(&format!("A={long}\nB=1")).unwrap(), [entry(1, "A", &long), entry(2, "B", "1")]);
    }
}
