//! How the parts of a help text that clap does not know look; clap drops the colours where nobody wants them.

macro_rules! heading {
    ($title:literal) => {
        concat!("\x1b[1m\x1b[4m", $title, ":\x1b[0m")
    };
}

/// Lines to copy, under a heading.
macro_rules! examples {
    ($($line:literal),+ $(,)?) => {
        concat!(heading!("Examples"), $("\n  ", $line),+)
    };
}
