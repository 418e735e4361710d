//! Renders descriptions: plain text with Markdown's code spans.

use std::fmt::Write as _;

/// A description as HTML: escaped, with `<code>` for text in backticks and `<p>` for paragraphs.
pub(super) fn paragraphs(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    paragraphs.fold(String::new(), |mut html, paragraph| {
        let _ = write!(html, "<p>{}</p>", inline(paragraph));
        html
    })
}

/// One paragraph as HTML, without `<p>`.
pub(super) fn inline(text: &str) -> String {
    let mut html = String::new();
    for (position, part) in text.split('`').enumerate() {
        let part = escape(part);
        let _ = if position % 2 == 0 { write!(html, "{part}") } else { write!(html, "<code>{part}</code>") };
    }
    html
}

pub(super) fn escape(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::{inline, paragraphs};

    #[test]
    fn code_spans_become_code_and_the_rest_is_escaped() {
        assert_eq!(inline("use `<a>` & wait"), "use <code>&lt;a&gt;</code> &amp; wait");
        assert_eq!(paragraphs("one\nline\n\n  two"), "<p>one\nline</p><p>two</p>");
    }
}
