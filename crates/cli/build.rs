//! Passes the commit of this build to the program.

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=TERRA_AUTH_BUILD");
    // In a debug build, only a change of this package runs the script again, so a commit alone
    // compiles nothing.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=build.rs");
        for file in ["HEAD", "logs/HEAD"] {
            if let Some(path) = git(&["rev-parse", "--path-format=absolute", "--git-path", file]) {
                println!("cargo::rerun-if-changed={path}");
            }
        }
    }
    let build = std::env::var("TERRA_AUTH_BUILD").ok().filter(|build| !build.is_empty());
    let commit = || git(&["log", "-1", "--abbrev=10", "--format=%h %cs"]);
    let build = build.or_else(commit).unwrap_or_else(|| "unknown commit".to_owned());
    println!("cargo::rustc-env=TERRA_AUTH_BUILD={build}");
}

/// The output of a git command. `None` without a repository, for example in an unpacked archive.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
