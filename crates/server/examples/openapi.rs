//! Writes the server's document to standard output, as `crates/server/openapi.json` keeps it.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    let text = serde_json::to_string_pretty(&terra_auth_server::openapi())?;
    writeln!(io::stdout(), "{text}")
}
