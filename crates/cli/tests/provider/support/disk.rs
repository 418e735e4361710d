//! Searches the stored bytes for tokens.

use std::{fs, path::Path, process::Command};

/// A text that is stored unencrypted, which proves that the search finds texts.
const PLAIN: &str = "offline_access";

/// Asserts that none of these tokens is in any file of a folder.
pub(crate) fn assert_sealed_in_folder(folder: &Path, tokens: &[String]) {
    let files = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    assert_sealed(&files.collect::<Vec<_>>().concat(), tokens);
}

/// Asserts that none of these tokens is in a dump of a PostgreSQL database.
pub(crate) fn assert_sealed_in_dump(url: &str, tokens: &[String]) {
    let dump = Command::new("pg_dump").arg(url).output().unwrap();
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    assert_sealed(&dump.stdout, tokens);
}

fn assert_sealed(bytes: &[u8], tokens: &[String]) {
    let is_there = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(is_there(PLAIN));
    for token in tokens {
        assert!(token.len() > 16 && !is_there(token), "{token} is stored unencrypted");
    }
}
