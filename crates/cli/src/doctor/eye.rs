//! What a text shows to somebody who looks for trouble. One pass over all of it, a closer look at the lines that matter.

use std::path::Path;

use regex::bytes::{Captures, Regex};
use secrecy::{ExposeSecret as _, SecretString};
use terra_auth::Environment;

use super::{
    context::Held,
    env_files::is_env_file,
    suspicion::{ALL_FAKE, FAKE, is_placeholder, looks_random, masked},
};

/// Knows what trouble looks like.
pub(crate) struct Eye {
    anything: Regex,
    shape: Regex,
    assignment: Regex,
    redirect: Regex,
    deprecated: Regex,
    known: Vec<Known>,
}

/// A secret that has a place, so that it should be nowhere else.
struct Known {
    value: SecretString,
    what: String,
    environment: Option<Environment>,
}

/// Something in a text. Lines count from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) line: usize,
    pub(crate) sight: Sight,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    Key { masked: String, what: String, environment: Option<Environment> },
    Redirect { name: String, url: String },
    DeprecatedCall,
}

/// The part of `anything` that finds each of the others.
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

/// How much of a line around a hint is looked at: some lines are whole programs.
const AROUND: usize = 400;

/// A text with more was not written by hand.
const MOST_HINTS: usize = 5000;

impl Eye {
    pub(crate) fn new(held: &[Held]) -> anyhow::Result<Self> {
        let known: Vec<Known> = held.iter().filter(|held| held.is_secret()).map(known).collect();
        let values = known.iter().map(|known| format!("|{}", regex::escape(known.value.expose_secret())));
        let anything = format!("(?i-u){HINTS}{}", values.collect::<String>());
        Ok(Self {
            anything: Regex::new(&anything).map_err(|_| anyhow::anyhow!("the keys are too long to be searched for"))?,
            shape: Regex::new(SHAPE)?,
            assignment: Regex::new(ASSIGNMENT)?,
            redirect: Regex::new(REDIRECT)?,
            deprecated: Regex::new(DEPRECATED)?,
            known,
        })
    }

    /// Everything in `text`, which is the file at `path` or some lines of it.
    pub(crate) fn look(&self, path: &Path, text: &[u8]) -> Vec<Seen> {
        let mut seen = Vec::new();
        let (mut line, mut counted) = (1, 0);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut hints = self.anything.find_iter(text).take(MOST_HINTS).peekable();
        let keys_matter = hints.peek().is_some() && !contains(text.split(|byte| *byte == b'\n').next(), ALL_FAKE);
        for hint in hints {
            line += text[counted..hint.start()].split(|byte| *byte == b'\n').count() - 1;
            counted = hint.start();
            let window = Window::around(text, hint.start(), hint.end());
            let mut sights = self.others(window.text);
            if keys_matter && !window.is_marked {
                sights.extend(self.keys(&window, is_env_file(&name)));
            }
            for sight in sights {
                let new = Seen { line, sight };
                if !seen.contains(&new) {
                    seen.push(new);
                }
            }
        }
        seen
    }

    fn keys(&self, window: &Window<'_>, in_env_file: bool) -> Vec<Sight> {
        let known = |known: &&Known| contains(Some(window.text), known.value.expose_secret().as_bytes());
        if let Some(known) = self.known.iter().find(known) {
            return vec![sight(known.value.expose_secret(), known.what.clone(), known.environment)];
        }
        let shapes = self.shape.captures_iter(window.text).filter_map(|found| {
            let (value, environment) = (text(&found, 1), text(&found, 2).parse().ok());
            let whose = environment.map_or_else(|| "of Terra's".to_owned(), |name: Environment| format!("of {name}"));
            let real = !is_placeholder(&value) && looks_random(&value);
            real.then(|| sight(&value, format!("a key {whose} by its shape"), environment))
        });
        let shapes: Vec<Sight> = shapes.collect();
        if !shapes.is_empty() {
            return shapes;
        }
        let assigned = self.assignment.captures_iter(window.text).filter_map(|found| {
            let (name, value) = (text(&found, 1), text(&found, 2));
            let about_terra = in_env_file || contains_terra(name.as_bytes()) || contains_terra(window.neighbours);
            let real =
                about_terra && !is_placeholder(&value) && (in_env_file && is_ours(&name) || looks_random(&value));
            real.then(|| sight(&value, format!("what is assigned to {name}"), None))
        });
        assigned.collect()
    }

    fn others(&self, window: &[u8]) -> Vec<Sight> {
        let redirect = |found: Captures<'_>| Sight::Redirect { name: text(&found, 1), url: text(&found, 2) };
        let mut sights: Vec<Sight> = self.redirect.captures_iter(window).map(redirect).collect();
        if self.deprecated.is_match(window) {
            sights.push(Sight::DeprecatedCall);
        }
        sights
    }
}

fn known(held: &Held) -> Known {
    let whose = held.environment.map_or_else(String::new, |environment| format!(" of {environment}"));
    let what = format!("the {}{whose}", held.key);
    Known { value: held.value.clone(), what, environment: held.environment }
}

fn sight(value: &str, what: String, environment: Option<Environment>) -> Sight {
    Sight::Key { masked: masked(value), what, environment }
}

/// In a dotenv file these are keys, however they look.
fn is_ours(name: &str) -> bool {
    ["TERRA_API_KEY", "TERRA_SIGNING_SECRET"].contains(&name)
}

fn text(found: &Captures<'_>, group: usize) -> String {
    found.get(group).map(|part| String::from_utf8_lossy(part.as_bytes()).into_owned()).unwrap_or_default()
}

/// The surroundings of a hint.
struct Window<'a> {
    /// Of its line.
    text: &'a [u8],
    /// Of the lines around too.
    neighbours: &'a [u8],
    /// Whether somebody has written that it opens nothing.
    is_marked: bool,
}

impl<'a> Window<'a> {
    fn around(text: &'a [u8], start: usize, end: usize) -> Self {
        let (from, to) = (start.saturating_sub(AROUND), (end + AROUND).min(text.len()));
        let break_before = |end: usize| text[from..end].iter().rposition(|byte| *byte == b'\n').map(|at| from + at);
        let line_start = break_before(start).map_or(from, |at| at + 1);
        let line_end = text[end..to].iter().position(|byte| *byte == b'\n').map_or(to, |at| end + at);
        let before = line_start.checked_sub(1).map_or(line_start, |end| break_before(end.max(from)).unwrap_or(from));
        Self {
            text: &text[line_start..line_end],
            neighbours: &text[from..to],
            is_marked: contains(Some(&text[before..line_end]), FAKE),
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
#[path = "eye/tests.rs"]
mod tests;
