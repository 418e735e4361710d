use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use crate::say::say;

/// Runs one command after the other, tells how long each took, and stops at the first that fails.
#[derive(Default)]
pub(crate) struct Steps(Vec<(String, Duration)>);

impl Steps {
    /// Runs a command line of the shell in the project's root. It is shown first, so that anybody can repeat it.
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

    /// Tells how long everything took.
    pub(crate) fn summary(&self) {
        say("");
        for (name, took) in &self.0 {
            say(&format!("{:>9}  {name}", seconds(*took)));
        }
        say(&format!("{:>9}  together", seconds(self.0.iter().map(|step| step.1).sum())));
    }
}

/// Whether a command line succeeds; what it prints is not shown.
pub(crate) fn succeeds(line: &str) -> bool {
    shell(line).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Tools that we installed ourselves come last in the `PATH`.
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
