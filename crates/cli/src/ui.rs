//! How results and remarks are written: data to standard output, everything else to standard error.

use std::io::{self, Write as _};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::{Value, json};

mod csv;

/// The form of results and errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people, and for the shell where the result is one word
    #[default]
    Plain,
    /// One JSON value; on standard error, one object a line
    Json,
    /// JSON with each element of a list on a line of its own
    Ndjson,
    /// Comma-separated values under a header, one line for each element of a list
    Csv,
}

impl Output {
    /// Whether remarks are for a program, and errors are JSON.
    pub(crate) const fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Ndjson)
    }
}

/// The user's side of the command.
#[derive(Clone, Copy)]
pub(crate) struct Ui {
    pub(crate) output: Output,
    pub(crate) reveal: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Ui {
    /// The result, as `plain` or in a form made of `json`, to standard output.
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

    /// One of several results of a command that runs on: JSON stays on one line.
    pub(crate) fn line(self, plain: impl FnOnce() -> String, json: &impl Serialize) -> anyhow::Result<()> {
        let text = match self.output {
            Output::Plain => plain(),
            Output::Json | Output::Ndjson | Output::Csv => serde_json::to_string(json)?,
        };
        let mut stdout = anstream::stdout().lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// A remark that JSON readers, and those who asked for quiet, can do without.
    pub(crate) fn note(self, text: &str) -> io::Result<()> {
        if self.quiet || self.output.is_json() { Ok(()) } else { writeln!(anstream::stderr(), "{text}") }
    }

    /// Something that worked and should be fixed.
    pub(crate) fn warn(self, text: &str) -> io::Result<()> {
        let yellow = AnsiColor::Yellow.on_default().bold();
        if self.output.is_json() {
            return writeln!(io::stderr(), "{}", json!({ "warning": text }));
        }
        writeln!(anstream::stderr(), "{yellow}warning:{yellow:#} {text}")
    }

    /// A key or secret of the environment, in full only with `--reveal`. A short one shows nothing of itself.
    pub(crate) fn masked(self, secret: &str) -> String {
        let hidden =
            secret.char_indices().rev().nth(3).filter(|_| secret.len() >= 12).map_or("", |(at, _)| &secret[at..]);
        if self.reveal { secret.to_owned() } else { format!("••••{hidden}") }
    }
}

/// Each element of a list on a line; anything else on one line.
fn ndjson(json: &impl Serialize) -> serde_json::Result<String> {
    match serde_json::to_value(json)? {
        Value::Array(elements) => Ok(elements.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")),
        other => Ok(other.to_string()),
    }
}

/// One of many results: JSON on a line of its own, in either form of output.
pub(crate) fn json_line(json: &impl Serialize) -> anyhow::Result<()> {
    Ok(writeln!(anstream::stdout(), "{}", serde_json::to_string(json)?)?)
}

/// Rows under a header.
///
/// A row stays on one line, so that an id or a URL in it can be copied and searched for. Where the terminal is narrower than
/// the table, each row is shown as a block of lines instead.
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

/// Each row as lines of a name and a value.
fn blocks<const N: usize>(header: &[String; N], rows: &[[String; N]]) -> String {
    let (bold, width) = (Style::new().bold(), header.iter().map(|name| name.chars().count()).max().unwrap_or_default());
    let block = |row: &[String; N]| {
        let lines = header.iter().zip(row).filter(|(_, value)| !value.is_empty());
        lines.map(|(name, value)| format!("{bold}{name:<width$}{bold:#}  {value}")).collect::<Vec<_>>().join("\n")
    };
    rows.iter().map(block).collect::<Vec<_>>().join("\n\n")
}

/// A number of things: `1 user`, `2 users`.
pub(crate) fn count(number: impl Into<u64>, thing: &str) -> String {
    let number = number.into();
    if number == 1 { format!("1 {thing}") } else { format!("{number} {thing}s") }
}

/// Text from elsewhere without the control characters that could command a terminal.
pub(crate) fn shown(text: &str) -> String {
    terra_auth_core::text::shown(text)
}

/// The same for text of several lines.
pub(crate) fn shown_lines(text: &str) -> String {
    text.replace(|c: char| terra_auth_core::text::is_unsafe(c) && !['\n', '\t'].contains(&c), "\u{fffd}")
}

pub(crate) fn yes_or_no(flag: Option<bool>) -> &'static str {
    match flag {
        Some(true) => "yes",
        Some(false) => "no",
        None => "–",
    }
}
