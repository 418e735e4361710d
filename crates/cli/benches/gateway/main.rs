//! Throughput of mobile tokens through the gateway, compared with the alternatives: the Flask app
//! from Terra's guide, the same app in JavaScript, and a plain reverse proxy. All call one upstream
//! and get the same load in turn.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench may panic")]

mod contestant;
mod issuer;
mod process;
mod world;
mod wrk;

use contestant::Contestant;
use terra_auth_testkit::bench::{median, report};
use world::World;
use wrk::Throughput;

/// A debug build only checks that the bench works.
const ROUNDS: usize = if cfg!(debug_assertions) { 1 } else { 9 };
const ROUND_S: u32 = if cfg!(debug_assertions) { 1 } else { 3 };

/// One round of each contestant, the gateway's first.
type Round = [Throughput; 5];

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
    let uncached = contestants[0].load_with_uncached_tokens(&world, ROUND_S);
    report(&format!("gateway, tokens that are not cached: {:.0} tokens/s", uncached.rate));
    report(&format!("medians of {ROUNDS} rounds of {ROUND_S} s, 64 connections"));
    compare("Flask", &rounds, |round| round[1], 20.0, Some(0.1));
    compare("the better Express", &rounds, |round| best(round[2], round[3]), 8.0, Some(0.1));
    compare("nginx", &rounds, |round| round[4], 0.6, None);
}

fn show(name: &str, rounds: &[Round], outcome: impl Fn(&Round) -> Throughput) {
    let of = |value: fn(Throughput) -> f64| median(rounds.iter().map(|round| value(outcome(round))).collect());
    let (rate, p50, p99) = (of(|outcome| outcome.rate), of(|outcome| outcome.p50_ms), of(|outcome| outcome.p99_ms));
    report(&format!("{name}: {rate:.0} tokens/s, p50 {p50:.2} ms, p99 {p99:.2} ms"));
}

/// Compares the gateway with `other`. It passes with at least `rate_bar` times its throughput and
/// at most `p99_bar` times its p99.
fn compare(name: &str, rounds: &[Round], other: impl Fn(&Round) -> Throughput, rate_bar: f64, p99_bar: Option<f64>) {
    let ratio = |value: fn(Throughput) -> f64| {
        median(rounds.iter().map(|round| value(round[0]) / value(other(round))).collect())
    };
    let (rate, p99) = (ratio(|outcome| outcome.rate), ratio(|outcome| outcome.p99_ms));
    let rate_verdict = verdict(rate >= rate_bar);
    let p99_verdict = p99_bar.map_or("no bar".to_owned(), |bar| format!("bar {bar}: {}", verdict(p99 <= bar)));
    report(&format!(
        "gateway compared with {name}: throughput x {rate:.2}, bar {rate_bar}: {rate_verdict}; p99 x {p99:.3}, {p99_verdict}"
    ));
}

/// The better of two outcomes for each value.
fn best(one: Throughput, other: Throughput) -> Throughput {
    Throughput {
        rate: one.rate.max(other.rate),
        p50_ms: one.p50_ms.min(other.p50_ms),
        p99_ms: one.p99_ms.min(other.p99_ms),
    }
}

fn verdict(passes: bool) -> &'static str {
    if passes { "pass" } else { "MISS" }
}
