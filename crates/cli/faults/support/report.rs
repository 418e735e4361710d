//! What a run did, counted and promised.

use std::time::{Duration, Instant};

/// Prints a line for the person who watches.
#[expect(clippy::print_stdout, reason = "what a run is for")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// The most characters of a promise: a server's last words may be many.
const LONGEST: usize = 400;

pub(crate) struct Report {
    name: &'static str,
    /// How many times as long as usual a run lasts.
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

    /// Prints what is being done or was seen.
    pub(crate) fn note(&self, text: &str) {
        say(&format!("{:>7.1} s  {text}", self.began.elapsed().as_secs_f64()));
    }

    /// States what must hold, and whether it did.
    pub(crate) fn promise(&mut self, holds: bool, text: &str) {
        let text: String = text.lines().collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect();
        self.note(&format!("{} {text}", if holds { "ok:    " } else { "BROKEN:" }));
        if !holds {
            self.broken.push(text);
        }
    }

    /// Ends a run that this machine cannot make.
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

    /// Its row of the table.
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
