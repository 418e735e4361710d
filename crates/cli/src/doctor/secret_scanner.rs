//! Scans text for keys, plain redirect URLs and deprecated calls. One fast pass finds hints; only the lines around
//! hints are analysed.

use std::path::Path;

use regex::bytes::{Captures, Regex};
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth::Environment;

use super::{
    context::StoredCredential,
    env_files::is_env_file,
    secret_heuristics::{ALL_FAKE_MARKER, FAKE_MARKER, is_placeholder, looks_random, masked},
};

/// The compiled patterns, and the known secrets.
pub(crate) struct SecretScanner {
    anything: Regex,
    shape: Regex,
    assignment: Regex,
    redirect: Regex,
    deprecated: Regex,
    known: Vec<KnownSecret>,
}

/// A secret that is stored in a credential file or variable, and must not occur in other files.
struct KnownSecret {
    value: SecretString,
    what: String,
    environment: Option<Environment>,
}

/// A match in a text. Line numbers start at 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScanMatch {
    pub(crate) line: usize,
    pub(crate) key_match: MatchKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MatchKind {
    Key { masked: String, what: String, environment: Option<Environment> },
    Redirect { name: String, url: String },
    DeprecatedCall,
}

/// The part of `anything` that matches wherever one of the other patterns can match.
const HINTS: &str =
    "ta_(?:testing|staging|production)_|terra_(?:at|dt|st)_|api[_-]?key|_secret|redirect_url|generatewidgetsession";
const SHAPE: &str =
    r"(?-u)\b(ta_(testing|staging|production)_[0-9A-Za-z_-]{16,}|terra_(?:at|dt|st)_[0-9A-Za-z_-]{16,})";
const ASSIGNMENT: &str = r#"(?xi-u)
    \b (terra[a-z_]*(?:key|secret|token) | (?:[a-z]+[_-])*api[_-]?key | (?:[a-z]+_)*signing_?secret)
    ["'\])]* \s* (?: => | := | = | : | , ) \s* ["'`]?
    ([0-9a-z_\-+/=.]{8,200}) (?: ["'`\s,;)\]}] | $ )"#;
const REDIRECT: &str = r#"(?xi-u)
    \b (auth_(?:success|failure)_redirect_url | terra_[a-z_]*redirect_url)
    ["'\])]* \s* (?: => | := | = | : | , | \( ) \s* ["'`]? (http://[^\s"'`<>,;)\\]+)"#;
const DEPRECATED: &str = r"(?i-u)auth/generateWidgetSession\b|\.generatewidgetsession\s*\(";

/// Number of bytes before and after a hint that are analysed, because a line can be as long as a program.
const CONTEXT_BYTES: usize = 400;

/// Maximum number of hints per text. A text with more was generated.
const MAX_HINTS: usize = 5000;

impl SecretScanner {
    pub(crate) fn new(stored: &[StoredCredential]) -> anyhow::Result<Self> {
        let known: Vec<KnownSecret> = stored.iter().filter(|credential| credential.is_secret()).map(known).collect();
        let values = known.iter().map(|known| format!("|{}", regex::escape(known.value.expose_secret())));
        let anything = format!("(?i-u){HINTS}{}", values.collect::<String>());
        Ok(Self {
            anything: Regex::new(&anything).map_err(|_| anyhow::anyhow!("the keys are too long to search for"))?,
            shape: Regex::new(SHAPE)?,
            assignment: Regex::new(ASSIGNMENT)?,
            redirect: Regex::new(REDIRECT)?,
            deprecated: Regex::new(DEPRECATED)?,
            known,
        })
    }

    /// Scans `text`, which is the file at `path` or some lines of it.
    pub(crate) fn scan(&self, path: &Path, text: &[u8]) -> Vec<ScanMatch> {
        let mut findings = Vec::new();
        let (mut line, mut counted) = (1, 0);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut hints = self.anything.find_iter(text).take(MAX_HINTS).peekable();
        let keys_matter =
            hints.peek().is_some() && !contains(text.split(|byte| *byte == b'\n').next(), ALL_FAKE_MARKER);
        for hint in hints {
            line += text[counted..hint.start()].split(|byte| *byte == b'\n').count() - 1;
            counted = hint.start();
            let window = TextWindow::around(text, hint.start(), hint.end());
            let mut kinds = self.others(window.text);
            if keys_matter && !window.is_marked {
                kinds.extend(self.keys(&window, is_env_file(&name)));
            }
            for kind in kinds {
                let finding = ScanMatch { line, key_match: kind };
                if !findings.contains(&finding) {
                    findings.push(finding);
                }
            }
        }
        findings
    }

    fn keys(&self, window: &TextWindow<'_>, in_env_file: bool) -> Vec<MatchKind> {
        let known = |known: &&KnownSecret| contains(Some(window.text), known.value.expose_secret().as_bytes());
        if let Some(known) = self.known.iter().find(known) {
            return vec![kind(known.value.expose_secret(), known.what.clone(), known.environment)];
        }
        let shapes = self.shape.captures_iter(window.text).filter_map(|found| {
            let (value, environment) = (text(&found, 1), text(&found, 2).parse().ok());
            let owner = environment.map_or_else(|| "Terra".to_owned(), |name: Environment| name.to_string());
            let real = !is_placeholder(&value) && looks_random(&value);
            real.then(|| kind(&value, format!("by its format a key of {owner}"), environment))
        });
        let shapes: Vec<MatchKind> = shapes.collect();
        if !shapes.is_empty() {
            return shapes;
        }
        let assigned = self.assignment.captures_iter(window.text).filter_map(|found| {
            let (name, value) = (text(&found, 1), text(&found, 2));
            let about_terra = in_env_file || contains_terra(name.as_bytes()) || contains_terra(window.neighbours);
            let real =
                about_terra && !is_placeholder(&value) && (in_env_file && is_ours(&name) || looks_random(&value));
            real.then(|| kind(&value, format!("the value of {name}"), None))
        });
        assigned.collect()
    }

    fn others(&self, window: &[u8]) -> Vec<MatchKind> {
        let redirect = |found: Captures<'_>| MatchKind::Redirect { name: text(&found, 1), url: text(&found, 2) };
        let mut kinds: Vec<MatchKind> = self.redirect.captures_iter(window).map(redirect).collect();
        if self.deprecated.is_match(window) {
            kinds.push(MatchKind::DeprecatedCall);
        }
        kinds
    }
}

fn known(credential: &StoredCredential) -> KnownSecret {
    let owner = credential.environment.map_or_else(String::new, |environment| format!(" of {environment}"));
    let what = format!("the {}{owner}", credential.key);
    KnownSecret { value: credential.value.clone(), what, environment: credential.environment }
}

fn kind(value: &str, what: String, environment: Option<Environment>) -> MatchKind {
    MatchKind::Key { masked: masked(value), what, environment }
}

/// Whether a variable in a dotenv file is always a key, whatever its value looks like.
fn is_ours(name: &str) -> bool {
    ["TERRA_API_KEY", "TERRA_SIGNING_SECRET"].contains(&name)
}

fn text(found: &Captures<'_>, group: usize) -> String {
    found.get(group).map(|part| String::from_utf8_lossy(part.as_bytes()).into_owned()).unwrap_or_default()
}

/// The text around a hint.
struct TextWindow<'a> {
    /// The text on the same line.
    text: &'a [u8],
    /// The text including neighbouring lines.
    neighbours: &'a [u8],
    /// Whether a comment marks the key as fake.
    is_marked: bool,
}

impl<'a> TextWindow<'a> {
    fn around(text: &'a [u8], start: usize, end: usize) -> Self {
        let (from, to) = (start.saturating_sub(CONTEXT_BYTES), (end + CONTEXT_BYTES).min(text.len()));
        let break_before = |end: usize| text[from..end].iter().rposition(|byte| *byte == b'\n').map(|at| from + at);
        let line_start = break_before(start).map_or(from, |at| at + 1);
        let line_end = text[end..to].iter().position(|byte| *byte == b'\n').map_or(to, |at| end + at);
        let before = line_start.checked_sub(1).map_or(line_start, |end| break_before(end.max(from)).unwrap_or(from));
        Self {
            text: &text[line_start..line_end],
            neighbours: &text[from..to],
            is_marked: contains(Some(&text[before..line_end]), FAKE_MARKER),
        }
    }
}

fn contains(text: Option<&[u8]>, part: &[u8]) -> bool {
    text.is_some_and(|text| text.windows(part.len()).any(|window| window == part))
}

fn contains_terra(text: &[u8]) -> bool {
    text.windows(5).any(|window| window.eq_ignore_ascii_case(b"terra"))
}

#[cfg(test)]
mod tests;
