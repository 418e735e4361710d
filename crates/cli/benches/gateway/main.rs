//! Mobile tokens through the gateway, beside everything that would hand them out in its place: the recipe of Terra's
//! guide, the same in JavaScript, and a bare reverse proxy. All ask one upstream for them and bear the same load in turns.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot go on panics")]

mod contestant;
mod issuer;
mod process;
mod world;
mod wrk;

use contestant::Contestant;
use terra_auth_testkit::bench::{median, report};
use world::World;
use wrk::Outcome;

/// Without optimisation it only shows that everything works.
const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 9 };
const ROUND_S: u32 = if cfg!(debug_assertions) { 1 } else { 3 };

/// One round of each contestant, the gateway's first.
type Round = [Outcome; 5];

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::start(folder.path());
    let start =
        [Contestant::gateway, Contestant::flask, Contestant::express, Contestant::express_cluster, Contestant::nginx];
    let contestants = start.map(|start| start(&world));
    let round = |_| contestants.each_ref().map(|contestant| contestant.load(ROUND_S));
    let rounds: Vec<Round> = (0..=ROUNDS).map(round).skip(1).collect(); // the first warms up
    for (index, contestant) in contestants.iter().enumerate() {
        show(contestant.name, &rounds, |round| round[index]);
    }
    let strangers = contestants[0].load_by_strangers(&world, ROUND_S);
    report(&format!("gateway, tokens it sees for the first time: {:.0} tokens/s", strangers.rate));
    report(&format!("medians of {ROUNDS} rounds of {ROUND_S} s, 64 connections"));
    compare("Flask", &rounds, |round| round[1], 20.0, Some(0.1));
    compare("the better Express", &rounds, |round| best(round[2], round[3]), 8.0, Some(0.1));
    compare("nginx", &rounds, |round| round[4], 0.6, None);
}

fn show(name: &str, rounds: &[Round], outcome: impl Fn(&Round) -> Outcome) {
    let of = |value: fn(Outcome) -> f64| median(rounds.iter().map(|round| value(outcome(round))).collect());
    let (rate, p50, p99) = (of(|outcome| outcome.rate), of(|outcome| outcome.p50_ms), of(|outcome| outcome.p99_ms));
    report(&format!("{name}: {rate:.0} tokens/s, p50 {p50:.2} ms, p99 {p99:.2} ms"));
}

/// Tells how the gateway compares with `other`: at least `rate_bar` of its throughput, at most `p99_bar` of its p99.
fn compare(name: &str, rounds: &[Round], other: impl Fn(&Round) -> Outcome, rate_bar: f64, p99_bar: Option<f64>) {
    let ratio =
        |value: fn(Outcome) -> f64| median(rounds.iter().map(|round| value(round[0]) / value(other(round))).collect());
    let (rate, p99) = (ratio(|outcome| outcome.rate), ratio(|outcome| outcome.p99_ms));
    let rate_verdict = verdict(rate >= rate_bar);
    let p99_verdict = p99_bar.map_or("no bar".to_owned(), |bar| format!("bar {bar}: {}", verdict(p99 <= bar)));
    report(&format!(
        "gateway beside {name}: throughput x {rate:.2}, bar {rate_bar}: {rate_verdict}; p99 x {p99:.3}, {p99_verdict}"
    ));
}

/// The better of two in each respect.
fn best(one: Outcome, other: Outcome) -> Outcome {
    Outcome {
        rate: one.rate.max(other.rate),
        p50_ms: one.p50_ms.min(other.p50_ms),
        p99_ms: one.p99_ms.min(other.p99_ms),
    }
}

fn verdict(passes: bool) -> &'static str {
    if passes { "pass" } else { "MISS" }
}
