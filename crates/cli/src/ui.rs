//! How results and remarks are written: data to standard output, everything else to standard error.

use std::io::{self, Write as _};

use anstyle::AnsiColor;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;
use serde_json::json;

/// The form of results and errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people, and for the shell where the result is one word
    #[default]
    Plain,
    /// One JSON value; on standard error, one object a line
    Json,
}

/// The user's side of the command.
#[derive(Clone, Copy)]
pub(crate) struct Ui {
    pub(crate) output: Output,
    pub(crate) reveal: bool,
}

impl Ui {
    /// The result: `plain` or `json`, to standard output.
    pub(crate) fn result(self, plain: impl FnOnce() -> String, json: &impl Serialize) -> anyhow::Result<()> {
        let text = match self.output {
            Output::Plain => plain(),
            Output::Json => serde_json::to_string_pretty(json)?,
        };
        let mut stdout = anstream::stdout().lock();
        if !text.is_empty() {
            writeln!(stdout, "{text}")?;
        }
        Ok(stdout.flush()?)
    }

    /// One of several results of a command that goes on: JSON stays on one line.
    pub(crate) fn line(self, plain: impl FnOnce() -> String, json: &impl Serialize) -> anyhow::Result<()> {
        let text = match self.output {
            Output::Plain => plain(),
            Output::Json => serde_json::to_string(json)?,
        };
        let mut stdout = anstream::stdout().lock();
        writeln!(stdout, "{text}")?;
        Ok(stdout.flush()?)
    }

    /// A remark that JSON readers can do without.
    pub(crate) fn note(self, text: &str) -> io::Result<()> {
        match self.output {
            Output::Plain => writeln!(anstream::stderr(), "{text}"),
            Output::Json => Ok(()),
        }
    }

    /// Something that worked and should be mended.
    pub(crate) fn warn(self, text: &str) -> io::Result<()> {
        let yellow = AnsiColor::Yellow.on_default().bold();
        match self.output {
            Output::Plain => writeln!(anstream::stderr(), "{yellow}warning:{yellow:#} {text}"),
            Output::Json => writeln!(io::stderr(), "{}", json!({ "warning": text })),
        }
    }

    /// A key or secret of the environment, whole only with `--reveal`. A short one shows nothing of itself.
    pub(crate) fn masked(self, secret: &str) -> String {
        let hidden =
            secret.char_indices().rev().nth(3).filter(|_| secret.len() >= 12).map_or("", |(at, _)| &secret[at..]);
        if self.reveal { secret.to_owned() } else { format!("••••{hidden}") }
    }
}

/// One of many results: JSON on a line of its own, in either form of output.
pub(crate) fn json_line(json: &impl Serialize) -> anyhow::Result<()> {
    Ok(writeln!(anstream::stdout(), "{}", serde_json::to_string(json)?)?)
}

/// Rows under a header. A row stays on one line, so that an id or a URL in it can be copied and searched for.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header).add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// Text from elsewhere without the control characters that could command a terminal.
pub(crate) fn shown(text: &str) -> String {
    text.replace(|c: char| c.is_control(), "\u{fffd}")
}

pub(crate) fn yes_or_no(flag: Option<bool>) -> &'static str {
    match flag {
        Some(true) => "yes",
        Some(false) => "no",
        None => "–",
    }
}
