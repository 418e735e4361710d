//! Checks the language rules that a program can check: forbidden words, sentences that begin with a subject clause, and
//! paths in the documents for contributors, which must exist.

use std::{fs, path::Path};

use anyhow::{Context as _, bail};

use crate::say::say;

/// Forbidden words. Each also matches longer words: `mend` matches *mended*.
const WORDS: [&str; 7] = ["somebody", "nobody", "whoever", "anew", "afresh", "mend", "stranger"];

/// Allowed words that begin like one of [`WORDS`].
const OTHER_WORDS: [&str; 1] = ["mendel"];

/// Words that must not begin a statement. They may begin a question.
const SUBJECTS: [&str; 4] = ["Who", "Whoever", "What", "That"];

const TEXTS: [&str; 7] =
    ["README.md", "ARCHITECTURE.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "deploy"];

const EXTENSIONS: [&str; 6] = ["rs", "md", "toml", "html", "sql", "service"];

/// The documents whose paths are checked.
const MAPS: [&str; 2] = ["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// Checks everything and lists each violation.
pub(crate) fn prose() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace's root")?;
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join("crates"))? {
        collect(&entry?.path().join("src"), &mut files)?;
    }
    for text in TEXTS {
        collect(&root.join(text), &mut files)?;
    }
    let mut violations = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let name = file.strip_prefix(root).unwrap_or(file).display().to_string();
        violations.extend(violations_in(&text).into_iter().map(|(line, what)| format!("{name}:{line}: {what}")));
    }
    for map in MAPS {
        let text = fs::read_to_string(root.join(map))?;
        let missing = paths_in(&text).into_iter().filter(|path| !exists(root, path));
        violations.extend(missing.map(|path| format!("{map}: there is no {path}")));
    }
    for violation in &violations {
        say(violation);
    }
    if !violations.is_empty() {
        bail!("{} violations of the language rules", violations.len());
    }
    say(&format!("{} files, no violation of the language rules", files.len()));
    Ok(())
}

fn collect(path: &Path, files: &mut Vec<std::path::PathBuf>) -> anyhow::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else if path.extension().and_then(|extension| extension.to_str()).is_some_and(|it| EXTENSIONS.contains(&it)) {
        files.push(path.to_owned());
    }
    Ok(())
}

/// The violations: the line, from 1, and the forbidden word.
fn violations_in(text: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let next = lines.get(number + 1).copied().unwrap_or_default();
        let unquoted = without_quoted_words(line);
        let words = words_of(&unquoted);
        let banned = words.iter().filter(|word| {
            let word = word.to_ascii_lowercase();
            WORDS.iter().any(|banned| word.starts_with(banned))
                && !OTHER_WORDS.iter().any(|other| word.starts_with(other))
        });
        found.extend(banned.map(|word| (number + 1, (*word).to_owned())));
        if let Some(subject) = subject_of(line, next) {
            found.push((number + 1, format!("{subject} …")));
        }
    }
    found
}

/// Removes single words in quotes from a line, because they are data: `["nobody", "guest"]`.
fn without_quoted_words(line: &str) -> String {
    let parts: Vec<&str> = line.split('"').collect();
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_data = |at: usize| at % 2 == 1 && at + 1 < parts.len() && is_word(parts[at]);
    let kept = parts.iter().enumerate().filter(|(at, _)| !is_data(*at)).map(|(_, part)| *part);
    kept.collect::<Vec<_>>().join("\"")
}

/// Splits a line into words. An identifier such as `is_nobody` has two.
fn words_of(line: &str) -> Vec<&str> {
    line.split(|letter: char| !letter.is_ascii_alphabetic()).filter(|word| !word.is_empty()).collect()
}

/// The word of [`CLAUSES`] that begins a statement in this line. Checks comments, strings and documents only.
fn subject_of(line: &str, next: &str) -> Option<&'static str> {
    SUBJECTS.into_iter().find(|subject| {
        line.match_indices(subject).any(|(at, _)| {
            let before = line[..at].trim_end();
            let begins = at == 0 || line[..at].ends_with([' ', '"', '(', '*', '|']);
            let sentence = before.is_empty() || before.ends_with(['.', '!', '?', ':', '/', '"', '|', '-', '*']);
            let after = &line[at + subject.len()..];
            let is_word = after.starts_with(' ') && after[1..].starts_with(|letter: char| letter.is_ascii_lowercase());
            let rest = format!("{after} {next}");
            let end = rest.find(['.', '?', '!']).map_or("", |end| &rest[end..=end]);
            begins && sentence && is_word && end != "?"
        })
    })
}

/// The paths in backticks that are relative to the project's root or to a crate.
fn paths_in(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let paths =
        quoted.filter(|path| path.contains('/') && !path.contains([' ', '{', '…', '<', '$']) && !path.starts_with('/'));
    paths
        .filter(|path| {
            Path::new(path).extension().is_some_and(|it| it == "rs")
                || path.ends_with('/')
                || path.starts_with("crates/")
        })
        .map(str::to_owned)
        .collect()
}

/// Whether the path exists below the root, `crates/`, or the source of a crate.
fn exists(root: &Path, path: &str) -> bool {
    let crates = root.join("crates");
    let is_in_a_crate = || {
        let folders = fs::read_dir(&crates).into_iter().flatten().flatten().map(|entry| entry.path());
        folders.flat_map(|folder| [folder.join("src").join(path), folder.join(path)]).any(|path| path.exists())
    };
    let in_source = path.split_once('/').is_some_and(|(name, rest)| crates.join(name).join("src").join(rest).exists());
    root.join(path).exists() || crates.join(path).exists() || in_source || is_in_a_crate()
}

#[cfg(test)]
mod tests {
    use super::{paths_in, violations_in};

    #[test]
    fn forbidden_words_are_found_in_prose_and_in_names() {
        for line in ["/// Nobody knows.", "fn is_nobody() {}", "it is mended", "STRANGERS"] {
            assert_eq!(violations_in(line).len(), 1, "{line}");
        }
        for line in ["the recommended amendment", "const NAMES: [&str; 2] = [\"guest\", \"nobody\"];"] {
            assert_eq!(violations_in(line), [], "{line}");
        }
    }

    #[test]
    fn a_statement_does_not_begin_with_a_subject_clause_and_a_question_may() {
        for line in ["/// What the API says.", "//! Text. Who may call is checked.", "- That it works is tested."] {
            assert_eq!(violations_in(line).len(), 1, "{line}");
        }
        for line in ["/// What happens next?", "struct What;", "/// This is what the API says.", "let x = What::new();"]
        {
            assert_eq!(violations_in(line), [], "{line}");
        }
    }

    #[test]
    fn paths_are_read_from_backticks() {
        assert_eq!(
            paths_in("`core/src/a.rs`, `POST /v2/x`, `http/`, `crates/model`"),
            ["core/src/a.rs", "http/", "crates/model"]
        );
    }
}
