use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::say::say;

/// Runs commands in sequence, prints the duration of each, and stops at the first failure.
#[derive(Default)]
pub(crate) struct Steps(Vec<(String, Duration)>);

impl Steps {
    /// Runs a shell command line in the project's root. Prints it first, so that it can be repeated by hand.
    pub(crate) fn run(&mut self, name: &str, line: &str) -> anyhow::Result<()> {
        say(&format!("\n── {name}: {line}"));
        let start = Instant::now();
        let status = shell(line).status().context("could not start a shell")?;
        let took = start.elapsed();
        if !status.success() {
            bail!("{name} failed after {} ({status}); to repeat it alone:\n\n    {line}\n", seconds(took));
        }
        say(&format!("── {name}: {}", seconds(took)));
        self.0.push((name.to_owned(), took));
        Ok(())
    }

    /// Prints the total duration.
    pub(crate) fn summary(&self) {
        say("");
        for (name, took) in &self.0 {
            say(&format!("{:>9}  {name}", seconds(*took)));
        }
        say(&format!("{:>9}  together", seconds(self.0.iter().map(|step| step.1).sum())));
    }
}

/// Whether a command line succeeds. Its output is discarded.
pub(crate) fn succeeds(line: &str) -> bool {
    shell(line).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// The `PATH`, followed by the folder of the tools that `setup` installed.
fn shell(line: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
    let path = format!("{}:{}", env::var("PATH").unwrap_or_default(), root.join("target/tools/bin").display());
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(root).env("PATH", path).stdin(Stdio::null());
    shell
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
