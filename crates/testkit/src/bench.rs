//! Shared parts of the benches: the operations to measure, and the comparison with a baseline of the same run.

const ROUNDS: usize = 41;

/// Measures a baseline and our code in turns, in operations per second, and prints the ratio of the medians.
///
/// The first round is a warm-up. `bar` is the minimum ratio; without one, the ratio is information only.
pub fn compare(name: &str, bar: Option<f64>, mut baseline: impl FnMut() -> f64, mut ours: impl FnMut() -> f64) {
    let rounds: Vec<_> = (0..=ROUNDS).map(|_| (baseline(), ours())).skip(1).collect();
    let median_of = |rate: fn(&(f64, f64)) -> f64| median(rounds.iter().map(rate).collect());
    let (baseline, ours) = (median_of(|round| round.0), median_of(|round| round.1));
    let ratio = median_of(|round| round.1 / round.0);
    let verdict =
        bar.map_or("no bar".to_owned(), |bar| format!("bar {bar:.2}: {}", if ratio >= bar { "pass" } else { "MISS" }));
    report(&format!(
        "{name}: {ours:.0}/s; baseline {baseline:.0}/s; ratio {ratio:.2}, {verdict}; median of {ROUNDS} rounds"
    ));
}

/// Prints a line of a bench's result.
#[expect(clippy::print_stdout, reason = "what a bench is for")]
pub fn report(line: &str) {
    println!("{line}");
}

/// The median of measurements.
#[must_use]
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
