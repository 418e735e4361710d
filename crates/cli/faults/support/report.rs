//! The counts and the verdict of a run.

use std::time::{Duration, Instant};

/// Prints a line to standard output.
#[expect(clippy::print_stdout, reason = "the output of a run")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// The maximum length of a line, because a server's output may be long.
const MAX_LINE_BYTES: usize = 400;

pub(crate) struct Report {
    name: &'static str,
    /// The factor for the length of the run.
    pub(crate) times: u32,
    began: Instant,
    took: Duration,
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) twice: usize,
    pub(crate) duplicates: usize,
    broken: Vec<String>,
    skipped: Option<String>,
}

impl Report {
    pub(crate) fn new(name: &'static str, times: u32) -> Self {
        Self {
            name,
            times,
            began: Instant::now(),
            took: Duration::ZERO,
            acknowledged: 0,
            lost: 0,
            twice: 0,
            duplicates: 0,
            broken: Vec::new(),
            skipped: None,
        }
    }

    /// Prints an action or an observation.
    pub(crate) fn note(&self, text: &str) {
        say(&format!("{:>7.1} s  {text}", self.began.elapsed().as_secs_f64()));
    }

    /// Records a promise and whether it holds.
    pub(crate) fn promise(&mut self, holds: bool, text: &str) {
        let text: String = text.lines().collect::<Vec<_>>().join(" ").chars().take(MAX_LINE_BYTES).collect();
        self.note(&format!("{} {text}", if holds { "ok:    " } else { "BROKEN:" }));
        if !holds {
            self.broken.push(text);
        }
    }

    /// Skips a run that is not possible on this machine.
    pub(crate) fn skip(&mut self, why: &str) {
        self.note(&format!("skipped: {why}"));
        self.skipped = Some(why.to_owned());
    }

    pub(crate) fn end(&mut self, took: Duration) {
        self.took = took;
    }

    pub(crate) fn holds(&self) -> bool {
        self.broken.is_empty()
    }

    /// The row of the result table.
    pub(crate) fn line(&self) -> String {
        let verdict = match (&self.skipped, self.broken.len()) {
            (Some(why), _) => format!("skipped: {why}"),
            (None, 0) => "ok".to_owned(),
            (None, count) => format!("BROKEN: {count} promises"),
        };
        format!(
            "{:<26} {:>8.1} {:>13} {:>6} {:>6} {:>11}  {verdict}",
            self.name,
            self.took.as_secs_f64(),
            self.acknowledged,
            self.lost,
            self.twice,
            self.duplicates
        )
    }
}
