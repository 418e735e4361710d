//! Text from outside, as it may be kept and shown.

/// Whether a character could command a terminal, or change the order in which others are read: controls (C0, C1, delete) and
/// the bidirectional ones.
#[must_use]
pub fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The text with a replacement for each unsafe character.
#[must_use]
pub fn shown(text: &str) -> String {
    text.replace(is_unsafe, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn nothing_that_commands_a_terminal_or_reorders_text_is_shown() {
        let unsafe_ones = [
            '\0', '\n', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '\u{61c}', '\u{200f}', '\u{202e}', '\u{2066}',
            '\u{2069}',
        ];
        for letter in unsafe_ones {
            assert_eq!(shown(&format!("a{letter}b")), "a\u{fffd}b", "{letter:?}");
        }
        assert_eq!(shown("Größe – 日本 \u{5d0}"), "Größe – 日本 \u{5d0}");
    }
}
