//! Text from outside: which characters are safe to store and to show.

/// Whether a character could control a terminal or change the order in which text is displayed: control
/// characters (C0, C1, delete) and bidirectional ones.
#[must_use]
pub fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Replaces each unsafe character with U+FFFD.
#[must_use]
pub fn printable(text: &str) -> String {
    text.replace(is_unsafe, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn characters_that_control_a_terminal_or_reorder_text_are_replaced() {
        let unsafe_ones = [
            '\0', '\n', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{61c}', '\u{200f}', '\u{202e}', '\u{2066}',
            '\u{2069}',
        ];
        for letter in unsafe_ones {
            assert_eq!(printable(&format!("a{letter}b")), "a\u{fffd}b", "{letter:?}");
        }
        assert_eq!(printable("Größe – 日本 \u{5d0}"), "Größe – 日本 \u{5d0}");
    }
}
