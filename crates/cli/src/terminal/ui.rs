//! Output of results and messages: data to standard output, everything else to standard error.

mod csv;

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::{Value, json};

/// The form of results and errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Text for people; a bare value if the result is a single word
    #[default]
    Plain,
    /// One JSON value; on standard error, one object per line
    Json,
    /// JSON with each element of a list on a line of its own
    Ndjson,
    /// Comma-separated values with a header, one line for each element of a list
    Csv,
}

impl Output {
    /// Whether warnings and errors are JSON.
    pub(crate) const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson)
    }
}

/// The output settings of a command.
#[derive(Clone, Copy)]
pub(crate) struct Ui {
    pub(crate) output: Output,
    pub(crate) reveal: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Ui {
    /// Writes the result to standard output: `plain`, or `json` in the chosen format.
    pub(crate) fn result(self, plain: impl FnOnce() -> String, json: &impl Serialize) -> anyhow::Result<()> {
        let text = match self.output {
            Output::Plain => plain(),
            Output::Json => serde_json::to_string_pretty(json)?,
            Output::Ndjson => ndjson(json)?,
            Output::Csv => csv::of(json)?,
        };
        let mut stdout = anstream::stdout().lock();
        if !text.is_empty() {
            writeln!(stdout, "{text}")?;
        }
        Ok(stdout.flush()?)
    }

    /// Writes one of several results of a command that continues to run. JSON is one line.
    pub(crate) fn line(self, plain: impl FnOnce() -> String, json: &impl Serialize) -> anyhow::Result<()> {
        let text = match self.output {
            Output::Plain => plain(),
            Output::Json | Output::Ndjson | Output::Csv => serde_json::to_string(json)?,
        };
        let mut stdout = anstream::stdout().lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// Writes a message to standard error, unless the output is JSON or `--quiet` was given.
    pub(crate) fn note(self, text: &str) -> io::Result<()> {
        if self.quiet || self.output.is_json() { Ok(()) } else { writeln!(anstream::stderr(), "{text}") }
    }

    /// Writes a warning to standard error: the command succeeded, but something should be fixed.
    pub(crate) fn warn(self, text: &str) -> io::Result<()> {
        let yellow = AnsiColor::Yellow.on_default().bold();
        if self.output.is_json() {
            return writeln!(io::stderr(), "{}", json!({ "warning": text }));
        }
        writeln!(anstream::stderr(), "{yellow}warning:{yellow:#} {text}")
    }

    /// A key or secret of the environment, in full only with `--reveal`. Of a value under 12 bytes,
    /// no character is shown.
    pub(crate) fn masked(self, secret: &str) -> String {
        let hidden =
            secret.char_indices().rev().nth(3).filter(|_| secret.len() >= 12).map_or("", |(at, _)| &secret[at..]);
        if self.reveal { secret.to_owned() } else { format!("••••{hidden}") }
    }
}

/// One line for each element of a list; one line for any other value.
fn ndjson(json: &impl Serialize) -> serde_json::Result<String> {
    match serde_json::to_value(json)? {
        Value::Array(elements) => Ok(elements.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")),
        other => Ok(other.to_string()),
    }
}

/// Writes one of many results as one line of JSON, in every output format.
pub(crate) fn json_line(json: &impl Serialize) -> anyhow::Result<()> {
    Ok(writeln!(anstream::stdout(), "{}", serde_json::to_string(json)?)?)
}

/// Formats rows as a table with a header.
///
/// A row stays on one line, so an id or a URL in it can be copied and searched for. If the terminal
/// is narrower than the table, each row becomes a block of lines instead.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let header = header.map(|name| name.replace('_', " ").to_uppercase());
    let rows: Vec<_> = rows.into_iter().collect();
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(&header).add_rows(&rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let bold = Style::new().bold();
    let text = table.trim_fmt();
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or_default();
    if table.is_tty() && table.width().is_some_and(|width| widest > usize::from(width)) {
        return blocks(&header, &rows);
    }
    match text.split_once('\n') {
        Some((first, others)) => format!("{bold}{first}{bold:#}\n{others}"),
        None => format!("{bold}{text}{bold:#}"),
    }
}

/// Formats each row as lines of a name and a value.
fn blocks<const N: usize>(header: &[String; N], rows: &[[String; N]]) -> String {
    let (bold, width) = (Style::new().bold(), header.iter().map(|name| name.chars().count()).max().unwrap_or_default());
    let block = |row: &[String; N]| {
        let lines = header.iter().zip(row).filter(|(_, value)| !value.is_empty());
        lines.map(|(name, value)| format!("{bold}{name:<width$}{bold:#}  {value}")).collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

/// A number with its noun: `1 user`, `2 users`.
pub(crate) fn count(number: impl Into<u64>, thing: &str) -> String {
    let number = number.into();
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Untrusted text without the control characters that a terminal would interpret.
pub(crate) fn shown(text: &str) -> String {
    terra_auth_model::text::printable(text)
}

/// Like [`shown`], for text of several lines.
pub(crate) fn shown_lines(text: &str) -> String {
    text.replace(|c: char| terra_auth_model::text::is_unsafe(c) && !['\n', '\t'].contains(&c), "\u{fffd}")
}

pub(crate) fn yes_or_no(flag: Option<bool>) -> &'static str {
    match flag {
        Some(true) => "yes",
        Some(false) => "no",
        None => "–",
    }
}
