use std::io::Write as _;

/// Tells whoever watches. Standard output belongs to the commands that we run.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}"); // nobody watches, nobody minds
}
