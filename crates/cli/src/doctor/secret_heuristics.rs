//! Heuristics that distinguish keys from words, and real keys from placeholders.

use std::collections::HashMap;

/// A comment on the line of a key, or on the line before, that marks the key as fake.
pub(crate) const FAKE_MARKER: &[u8] = b"terra-auth: fake";

/// A comment on the first line of a file that marks all keys in the file as fake.
pub(crate) const ALL_FAKE_MARKER: &[u8] = b"terra-auth: all fake";

const PLACEHOLDERS: [&str; 15] = [
    "not-a-secret",
    "not_a_secret",
    "example",
    "xxxx",
    "your-",
    "your_",
    "placeholder",
    "changeme",
    "change-me",
    "dummy",
    "redacted",
    "fake",
    "****",
    "...",
    "…",
];

const FILLERS: [&str; 3] = ["0000", "1111", "1234567"];

/// Whether `value` is a placeholder: it contains a word such as `example`, or has a form that must be filled in.
pub(crate) fn is_placeholder(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    let filled = || FILLERS.iter().any(|filler| lower.contains(filler)) && entropy(value) < 3.5;
    value.len() < 8
        || value.starts_with(['<', '$', '{'])
        || PLACEHOLDERS.iter().any(|word| lower.contains(word))
        || filled()
}

/// Whether `value` looks random: long, with letters and digits, and with a high entropy.
pub(crate) fn looks_random(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    value.len() >= 16 && digits >= 2 && value.bytes().any(|byte| byte.is_ascii_alphabetic()) && entropy(value) >= 3.0
}

/// Shannon entropy in bits per byte: at most 4 for hex digits, and below 3 for most words.
fn entropy(value: &str) -> f64 {
    let mut counts = HashMap::new();
    value.bytes().for_each(|byte| *counts.entry(byte).or_insert(0_u32) += 1);
    let length = f64::from(u32::try_from(value.len()).unwrap_or(u32::MAX));
    counts.values().map(|count| f64::from(*count) / length).map(|share| -share * share.log2()).sum()
}

/// Masks a value except its last four characters. Masks a short value completely.
pub(crate) fn masked(value: &str) -> String {
    let end = value.char_indices().rev().nth(3).filter(|_| value.len() >= 12).map_or("", |(at, _)| &value[at..]);
    format!("••••{end}")
}

#[cfg(test)]
mod tests {
    use super::{is_placeholder, looks_random};

    #[test]
    fn a_random_value_looks_random_and_a_word_does_not() {
        for random in ["9f86d081884c7d659a2feaa0c55ad015", "hT3kZq81LmVx0RsWb7Yd", "a1B2-c3D4_e5F6+g7H8"] {
            assert!(looks_random(random) && !is_placeholder(random), "{random}");
        }
        for word in
            ["settings.terra_api_key", "TerraApiKeyProvider", "aaaaaaaaaaaaaaaa11", "9f86d081", "1234567890123456"]
        {
            assert!(!looks_random(word), "{word}");
        }
    }

    #[test]
    fn a_placeholder_is_recognised() {
        for fake in [
            "test-key-not-a-secret",
            "your-api-key-here-1a2b3c",
            "<your key>",
            "${TERRA_API_KEY}",
            "xxxxxxxxxxxxxxxx",
            "ta_testing_00000000000000000000",
            "example-9f86d081884c7d65",
            "short",
        ] {
            assert!(is_placeholder(fake), "{fake}");
        }
    }

    #[test]
    fn zeroes_in_a_random_value_do_not_make_it_a_placeholder() {
        assert!(!is_placeholder("9f86d081884c7d65000022feaa0c55ad015b3e"));
    }
}
