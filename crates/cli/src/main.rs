//! The terra-auth command.
fn main() {}
