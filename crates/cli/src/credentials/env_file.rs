//! Changes single values of a dotenv file and leaves every other byte unchanged.

use std::{fmt, ops::Range};

use terra_auth::credentials::has_variable_expansion;

#[cfg(test)]
mod readers;

#[cfg(test)]
mod tests;

/// A dotenv file, split into entries and the blank and comment lines between them.
pub(crate) struct EnvFile {
    pieces: Vec<Piece>,
    line_break: &'static str,
}

/// One entry with its line breaks, or a blank or comment line.
struct Piece {
    line: usize,
    text: String,
    entry: Option<(String, String)>,
}

/// A line that the client rejects too.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EnvFileError {
    #[error("line {0} is not KEY=value")]
    Malformed(usize),
    #[error("line {1} sets {0}, which an earlier line already sets")]
    Twice(String, usize),
    #[error("line {1} has a `$` in {0}, which would be replaced by another variable; put the value in single quotes")]
    Expanded(String, usize),
}

impl EnvFile {
    pub(crate) fn parse(text: &str) -> Result<Self, EnvFileError> {
        let line_break = if text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut file = Self { pieces: Vec::new(), line_break };
        let (mut rest, mut line) = (text, 1);
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(length_of_first(rest));
            let entry = read(piece).map_err(|_| EnvFileError::Malformed(line))?;
            if let Some((key, _)) =
                entry.as_ref().filter(|(key, _)| key.starts_with("TERRA_") && file.get(key).is_some())
            {
                return Err(EnvFileError::Twice(key.clone(), line));
            }
            if let Some((key, _)) =
                entry.as_ref().filter(|(key, _)| key.contains("TERRA_") && has_variable_expansion(piece))
            {
                return Err(EnvFileError::Expanded(key.clone(), line));
            }
            file.pieces.push(Piece { line, text: piece.to_owned(), entry });
            line += piece.matches('\n').count();
            rest = after;
        }
        Ok(file)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.pieces
            .iter()
            .filter_map(|piece| piece.entry.as_ref())
            .find(|(name, _)| name == key)
            .map(|(_, value)| &**value)
    }

    /// Replaces the value in its line and leaves `export` and the line's comment unchanged, or adds a line.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        let entry = Some((key.to_owned(), value.to_owned()));
        if self.get(key) == Some(value) {
            return;
        }
        let is_it = |piece: &&mut Piece| piece.entry.as_ref().is_some_and(|(name, _)| name == key);
        if let Some(piece) = self.pieces.iter_mut().find(is_it) {
            let span = value_span(&piece.text);
            let gap = if piece.text[span.end..].starts_with('#') { " " } else { "" };
            piece.text.replace_range(span, &format!("{}{gap}", quoted(value)));
            piece.entry = entry;
            return;
        }
        let line_break = self.line_break;
        if let Some(last) = self.pieces.last_mut().filter(|last| !last.text.ends_with('\n')) {
            last.text.push_str(line_break);
        }
        let text = format!("{key}={}{line_break}", quoted(value));
        let line = self.pieces.last().map_or(1, |last| last.line + last.text.matches('\n').count());
        self.pieces.push(Piece { line, text, entry });
    }
}

impl fmt::Display for EnvFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| f.write_str(&piece.text))
    }
}

/// Whether the client's library, python-dotenv, Node's dotenv and a shell all read the same value.
///
/// They disagree on three points: some expand `${…}` everywhere; some unescape inside quotes; and
/// `'` and `"` in one value, or `'` with `$`, need escapes. `tests/dotenv/README.md` has the list.
pub(crate) fn is_portable(value: &str) -> bool {
    let plain =
        value.chars().all(|c| !c.is_control() && !['\u{2028}', '\u{2029}'].contains(&c)) && !value.contains("${");
    let single = !value.contains(['\'', '`']) && !value.contains(r"\\") && !value.ends_with('\\');
    plain && (single || !value.contains(['"', '\\', '$', '`']))
}

/// The value in the simplest form that can represent it: bare, in single quotes, in double quotes,
/// or concatenated as in a shell.
///
/// The client's library and a shell read all four forms. [`is_portable`] tells which values other
/// libraries read the same way. Issued keys are always bare.
fn quoted(value: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+=,".contains(c);
    let glued = |c: char| match c {
        '\'' => r#"'"'"'"#.to_owned(),
        '\\' => r#"'"\\"'"#.to_owned(),
        c => c.to_string(),
    };
    if value.chars().all(bare) {
        value.to_owned()
    } else if !value.contains('\'') && !value.contains(r"\\") && !value.ends_with('\\') {
        format!("'{value}'")
    } else if !value.contains(['$', '`']) {
        format!("\"{}\"", value.replace('\\', r"\\").replace('"', r#"\""#))
    } else {
        // The value starts with a single quote, so the client does not treat `$` in it as a variable.
        format!("'{}'", value.chars().map(glued).collect::<String>())
    }
}

/// The only key and value in `piece`, parsed with the same library as the client.
fn read(piece: &str) -> Result<Option<(String, String)>, dotenvy::Error> {
    let piece = format!("{}\n", piece.trim_start_matches('\u{feff}'));
    dotenvy::from_read_iter(piece.as_bytes()).next().transpose()
}

/// Length in bytes of the first entry, comment or blank line, including its line break.
///
/// A quoted value may span several lines. This follows the library's rules exactly: a backslash
/// escapes between single quotes too, and a comment begins after one blank but not after two.
fn length_of_first(text: &str) -> usize {
    let line_end = |from: usize| text[from..].find('\n').map_or(text.len(), |at| from + at + 1);
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('#') && !text[..line_end(0)].trim().is_empty() {
        return line_end(0);
    }
    let (mut quote, mut escaped, mut after_blank) = (None, false, false);
    for (at, c) in text.char_indices() {
        let blank = c.is_whitespace() && c != '\r' && !after_blank && !escaped && quote.is_none();
        match c {
            '\n' if quote.is_none() => return at + 1,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '#' if after_blank => return line_end(at),
            '"' | '\'' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            _ => {}
        }
        after_blank = blank;
    }
    text.len()
}

/// The position of the value in the entry `text`, including its quotes.
fn value_span(text: &str) -> Range<usize> {
    let after_sign = text.find('=').map_or(0, |at| at + 1);
    let trimmed = text[after_sign..].trim_start_matches(|c: char| c.is_whitespace() && c != '\n' && c != '\r');
    let start = text.len() - trimmed.len();
    if trimmed.is_empty() || trimmed.starts_with(['#', '\n', '\r']) {
        return after_sign..after_sign;
    }
    let (mut quote, mut escaped) = (None, false);
    for (at, c) in trimmed.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != Some('\'') => escaped = true,
            '"' | '\'' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            ' ' | '\t' | '\n' | '\r' if quote.is_none() => return start..start + at,
            _ => {}
        }
    }
    start..text.len()
}
