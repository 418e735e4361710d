use std::io::Write as _;

/// Prints a message to standard error. Standard output is for the commands that the tasks run.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}"); // nobody watches, nobody minds
}
