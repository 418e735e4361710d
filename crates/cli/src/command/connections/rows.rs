//! A file of connections, read line by line and never whole: CSV with a header, or one JSON object a line.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::Path,
};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use terra_auth::wire::admin::PortableConnection;

use super::{
    csv,
    row::{self, FIELDS, Reason},
};

/// The longest line, in bytes.
const LONGEST: u64 = 64 << 10;
/// The most rows in one call, and the most bytes that they may take as JSON: the server takes 500, and 1 MiB.
const MOST_ROWS: usize = 500;
const MOST_BYTES: usize = 768 << 10;

/// Where the reading is.
pub(super) struct Rows {
    reader: BufReader<File>,
    digest: Sha256,
    /// Lines read so far.
    pub(super) line: u64,
    form: Form,
}

enum Form {
    Unknown,
    Json,
    /// With the names of the columns.
    Csv(Vec<&'static str>),
}

/// Rows that travel together, each with its line.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<PortableConnection>,
    pub(super) lines: Vec<u64>,
    /// Lines that are no rows, and why.
    pub(super) bad: Vec<(u64, Reason)>,
}

impl Rows {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let reader = BufReader::new(File::open(path)?);
        Ok(Self { reader, digest: Sha256::new(), line: 0, form: Form::Unknown })
    }

    /// What has been read so far, in 64 hex digits.
    pub(super) fn digest(&self) -> String {
        hex::encode(self.digest.clone().finalize())
    }

    /// Reads up to a line, of which the header counts.
    pub(super) fn skip_to(&mut self, line: u64) -> io::Result<()> {
        while self.line < line {
            let Some(text) = self.next_line()? else { break };
            if matches!(self.form, Form::Unknown) {
                drop(self.begin(text.as_deref().unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// The next rows; neither rows nor bad lines at the end of the file.
    pub(super) fn batch(&mut self) -> io::Result<Result<Batch, Reason>> {
        let (mut batch, mut bytes) = (Batch::default(), 0);
        while batch.rows.len() < MOST_ROWS && batch.bad.len() < MOST_ROWS && bytes < MOST_BYTES {
            let Some(text) = self.next_line()? else { break };
            let read = text.and_then(|text| self.read(&text));
            match read {
                Ok(None) => {}
                Ok(Some(row)) => {
                    bytes += serde_json::to_vec(&row).map_or(0, |json| json.len());
                    batch.rows.push(row);
                    batch.lines.push(self.line);
                }
                Err(Wrong::Row(reason)) => batch.bad.push((self.line, reason)),
                Err(Wrong::Header(reason)) => return Ok(Err(reason)),
            }
        }
        Ok(Ok(batch))
    }

    /// `None` for an empty line, and for the header.
    fn read(&mut self, text: &str) -> Result<Option<PortableConnection>, Wrong> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let fields = match &self.form {
            Form::Unknown => {
                self.begin(text).map_err(Wrong::Header)?;
                return if matches!(self.form, Form::Json) { self.read(text) } else { Ok(None) };
            }
            Form::Json => object(text)?,
            Form::Csv(columns) => {
                let fields = csv::fields(text)?;
                if fields.len() != columns.len() {
                    return Err(format!("CSV: {} fields, not {} as in the header", fields.len(), columns.len()).into());
                }
                columns.iter().map(|name| (*name).to_owned()).zip(fields.into_iter().map(Value::from)).collect()
            }
        };
        Ok(Some(row::read(fields)?))
    }

    /// Finds out from the first line what the file is.
    fn begin(&mut self, first: &str) -> Result<(), Reason> {
        if first.trim_start().starts_with('{') {
            self.form = Form::Json;
            return Ok(());
        }
        let names = csv::fields(first)?;
        let known = |name: &String| FIELDS.into_iter().find(|field| *field == name.trim());
        // A file without a header begins with tokens, so nothing of its first line is shown.
        let wants = || format!("its first line must name the columns: some of {}", FIELDS.join(", "));
        let columns: Vec<_> = names.iter().map(known).collect::<Option<_>>().ok_or_else(wants)?;
        let each_once = columns.iter().all(|name| columns.iter().filter(|other| *other == name).count() == 1);
        if !each_once || ["provider", "account", "access_token"].iter().any(|name| !columns.contains(name)) {
            return Err("the columns provider, account and access_token are needed, and none twice".to_owned());
        }
        self.form = Form::Csv(columns);
        Ok(())
    }

    /// The next line without its end; `None` after the last.
    fn next_line(&mut self) -> io::Result<Option<Result<String, Wrong>>> {
        let mut bytes = Vec::new();
        self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        self.line += 1;
        self.digest.update(&bytes);
        let ends = bytes.last() == Some(&b'\n');
        if !ends && bytes.len() as u64 == LONGEST && self.skip_line()? > 0 {
            return Ok(Some(Err("longer than 64 KiB".to_owned().into())));
        }
        let text = String::from_utf8(bytes).map_err(|_| Wrong::from("not UTF-8".to_owned()));
        let text = text.map(|text| text.trim_start_matches('\u{feff}').trim_end_matches(['\n', '\r']).to_owned());
        Ok(Some(text))
    }

    /// The rest of a line that is too long; answers how much it was.
    fn skip_line(&mut self) -> io::Result<u64> {
        let mut skipped = 0;
        loop {
            let mut bytes = Vec::new();
            self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)?;
            self.digest.update(&bytes);
            skipped += bytes.len() as u64;
            if bytes.last().is_none_or(|last| *last == b'\n') {
                return Ok(skipped);
            }
        }
    }
}

/// What is wrong with a line.
enum Wrong {
    /// It is no row; others may be.
    Row(Reason),
    /// It tells nothing about the lines that follow.
    Header(Reason),
}

impl From<Reason> for Wrong {
    fn from(reason: Reason) -> Self {
        Self::Row(reason)
    }
}

impl From<&'static str> for Wrong {
    fn from(reason: &'static str) -> Self {
        Self::Row(reason.to_owned())
    }
}

fn object(text: &str) -> Result<Map<String, Value>, Reason> {
    serde_json::from_str(text).map_err(|error| format!("not a JSON object, see column {}", error.column()))
}
