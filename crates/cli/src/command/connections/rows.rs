//! Reads an import file line by line, without loading all of it: CSV with a header, or one JSON object per line.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::Path,
};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use terra_auth::wire::admin::PortableConnection;

use super::row::{self, FIELDS, RejectionReason};

const MAX_ROW_BYTES: u64 = 64 << 10;

/// Limits on the rows and JSON bytes of one call. The server accepts 500 rows and 1 MiB.
const MAX_BATCH_ROWS: usize = 500;

const MAX_BATCH_BYTES: usize = 768 << 10;

/// The reader of an import file, with its position.
pub(super) struct ImportRows {
    reader: BufReader<File>,
    digest: Sha256,
    /// Lines read so far.
    pub(super) line: u64,
    format: FileFormat,
}

enum FileFormat {
    Unknown,
    Json,
    /// The names of the columns.
    Csv(Vec<&'static str>),
}

/// The rows of one call, each with its line.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<PortableConnection>,
    pub(super) lines: Vec<u64>,
    /// Lines that are not valid rows, each with the reason.
    pub(super) rejected: Vec<(u64, RejectionReason)>,
}

impl ImportRows {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let reader = BufReader::new(File::open(path)?);
        Ok(Self { reader, digest: Sha256::new(), line: 0, format: FileFormat::Unknown })
    }

    /// The SHA-256 of all lines read so far, in 64 hex digits.
    pub(super) fn digest(&self) -> String {
        hex::encode(self.digest.clone().finalize())
    }

    /// Skips to the end of a line. The header counts as a line.
    pub(super) fn skip_to(&mut self, line: u64) -> io::Result<()> {
        while self.line < line {
            let Some(text) = self.next_line()? else { break };
            if matches!(self.format, FileFormat::Unknown) {
                drop(self.detect_format(text.as_deref().unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// Reads the next rows. At the end of the file, the batch has neither rows nor bad lines.
    pub(super) fn batch(&mut self) -> io::Result<Result<Batch, RejectionReason>> {
        let (mut batch, mut bytes) = (Batch::default(), 0);
        while batch.rows.len() < MAX_BATCH_ROWS && batch.rejected.len() < MAX_BATCH_ROWS && bytes < MAX_BATCH_BYTES {
            let Some(text) = self.next_line()? else { break };
            let read = text.and_then(|text| self.read(&text));
            match read {
                Ok(None) => {}
                Ok(Some(row)) => {
                    bytes += serde_json::to_vec(&row).map_or(0, |json| json.len());
                    batch.rows.push(row);
                    batch.lines.push(self.line);
                }
                Err(RowError::Row(reason)) => batch.rejected.push((self.line, reason)),
                Err(RowError::Header(reason)) => return Ok(Err(reason)),
            }
        }
        Ok(Ok(batch))
    }

    /// Reads a row. `None` for an empty line and for the header.
    fn read(&mut self, text: &str) -> Result<Option<PortableConnection>, RowError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let fields = match &self.format {
            FileFormat::Unknown => {
                self.detect_format(text).map_err(RowError::Header)?;
                return if matches!(self.format, FileFormat::Json) { self.read(text) } else { Ok(None) };
            }
            FileFormat::Json => parse_object(text)?,
            FileFormat::Csv(columns) => {
                let fields = row::split_line(text)?;
                if fields.len() != columns.len() {
                    return Err(format!("CSV: {} fields, but the header has {}", fields.len(), columns.len()).into());
                }
                columns.iter().map(|name| (*name).to_owned()).zip(fields.into_iter().map(Value::from)).collect()
            }
        };
        Ok(Some(row::read(fields)?))
    }

    /// Detects the format of the file from its first line.
    fn detect_format(&mut self, first: &str) -> Result<(), RejectionReason> {
        if first.trim_start().starts_with('{') {
            self.format = FileFormat::Json;
            return Ok(());
        }
        let names = row::split_line(first)?;
        let known = |name: &String| FIELDS.into_iter().find(|field| *field == name.trim());
        // The first line of a file without a header contains tokens, so the error shows nothing of it.
        let wants = || format!("the first line must name the columns, out of {}", FIELDS.join(", "));
        let columns: Vec<_> = names.iter().map(known).collect::<Option<_>>().ok_or_else(wants)?;
        let each_once = columns.iter().all(|name| columns.iter().filter(|other| *other == name).count() == 1);
        if !each_once || ["provider", "account", "access_token"].iter().any(|name| !columns.contains(name)) {
            return Err("the header must have provider, account and access_token, and no column twice".to_owned());
        }
        self.format = FileFormat::Csv(columns);
        Ok(())
    }

    /// The next line without its line break. `None` after the last line.
    fn next_line(&mut self) -> io::Result<Option<Result<String, RowError>>> {
        let mut bytes = Vec::new();
        self.reader.by_ref().take(MAX_ROW_BYTES).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        self.digest.update(&bytes);
        let ends = bytes.last() == Some(&b'\n');
        if !ends && bytes.len() as u64 == MAX_ROW_BYTES && self.skip_line()? > 0 {
            return Ok(Some(Err("longer than 64 KiB".to_owned().into())));
        }
        let text = String::from_utf8(bytes).map_err(|_| RowError::from("not UTF-8".to_owned()));
        let text = text.map(|text| text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']).to_owned());
        Ok(Some(text))
    }

    /// Skips the rest of a line that is too long. Returns the number of skipped bytes.
    fn skip_line(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let mut bytes = Vec::new();
            self.reader.by_ref().take(MAX_ROW_BYTES).read_until(b'\n', &mut bytes)?;
            self.digest.update(&bytes);
            skipped += bytes.len() as u64;
            if bytes.last().is_none_or(|last| *last == b'\n') {
                return Ok(skipped);
            }
        }
    }
}

/// Why a line cannot be read.
enum RowError {
    /// This row is invalid; others can still be read.
    Row(RejectionReason),
    /// The header is invalid, so no row can be read.
    Header(RejectionReason),
}

impl From<RejectionReason> for RowError {
    fn from(reason: RejectionReason) -> Self {
        Self::Row(reason)
    }
}

impl From<&'static str> for RowError {
    fn from(reason: &'static str) -> Self {
        Self::Row(reason.to_owned())
    }
}

fn parse_object(text: &str) -> Result<Map<String, Value>, RejectionReason> {
    serde_json::from_str(text).map_err(|error| format!("not a JSON object (error at column {})", error.column()))
}
