//! Long fault runs with the real binary: `cargo xtask faults [name…]`.
//!
//! Each run injects one fault while clients work. It counts acknowledged, lost and repeated
//! changes, and fails if a promise in `docs/reliability.md` is broken.
#![expect(clippy::unwrap_used, reason = "a run that cannot continue panics, and counts as failed")]

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures_util::FutureExt as _;
use tokio::runtime::Runtime;

mod clock;
mod failover;
mod frozen;
mod gateway;
mod kill;
mod nodes;
mod pgbouncer;
mod sqlite;
mod support;
mod webhooks;

use support::report::{Report, say};

type Running<'a> = Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

struct Run {
    name: &'static str,
    what: &'static str,
    start: for<'a> fn(&'a mut Report) -> Running<'a>,
}

macro_rules! runs {
    ($($name:literal, $what:literal, $run:path;)*) => {
        const RUNS: &[Run] = &[$(Run { name: $name, what: $what, start: |report| Box::pin($run(report)) },)*];
    };
}

runs! {
    "kill-sqlite", "kill -9 of serve ×12 under load, on SQLite", kill::sqlite;
    "kill-postgres", "the same on PostgreSQL", kill::postgres;
    "restart-keeps-destination", "restarts with --create-environment do not change the webhook destination", webhooks::restart_keeps_destination;
    "stale-destination", "events right after another of three nodes has set the destination", webhooks::stale_destination;
    "hanging-receiver", "one environment's receiver hangs: the delay of the others", webhooks::hanging_receiver;
    "hanging-provider", "a provider's revocation call hangs: the delay of deliveries", webhooks::hanging_provider;
    "three-nodes", "three nodes start at once on an empty PostgreSQL, 20 rounds", nodes::three_nodes;
    "paused-node", "one of two nodes is paused under load: the other's slowest call", nodes::paused_node;
    "cut-off-node", "a revoked key at nodes that can and cannot reach PostgreSQL", nodes::cut_off_node;
    "failover-killed", "the primary is killed, the standby promoted", failover::killed;
    "failover-frozen", "the primary hangs, the standby is promoted", failover::frozen;
    "frozen-postgres", "every database connection is open but does not respond", frozen::frozen_postgres;
    "restart-postgres", "PostgreSQL restarts at once under load", frozen::restart_postgres;
    "pgbouncer", "PgBouncer in transaction mode, compared with direct connections", pgbouncer::pgbouncer;
    "clock", "clocks that are ahead or jump, with libfaketime: no token is redeemed twice", clock::clock;
    "full-disk", "SQLite on a disk that fills up under load", sqlite::full_disk;
    "broken-store", "SQLite files that are deleted, emptied, damaged or copied under load", sqlite::broken_store;
    "housekeeping", "deletion of 200,000 expired rows during a flow of events, on both databases", sqlite::housekeeping;
    "backup", "a backup under load, restored: nothing is missing", sqlite::backup;
    "gateway-kill", "kill -9 of the gateway ×10 under webhooks", gateway::kill;
}

const HELP: &str = "\
usage: cargo xtask faults [--times N] [name…]

  --times N   multiply the length of the runs by N (1 to 100)
  --list      print this list

Without names, all runs in this order:
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let Some((times, chosen)) = chosen(&words) else {
        let lines = RUNS.iter().map(|run| format!("\n  {:<26} {}", run.name, run.what));
        say(&format!("{HELP}{}", lines.collect::<String>()));
        let asked = words.iter().any(|word| word == "--list" || word == "--help");
        return if asked { ExitCode::SUCCESS } else { ExitCode::from(2) };
    };
    say(&format!("binary: {} (debug build, like the tests)", support::node::binary().display()));
    let reports: Vec<Report> = chosen.into_iter().map(|run| one(run, times)).collect();
    say(&table(&reports));
    if reports.iter().all(Report::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Parses the arguments into the length factor and the runs; `None` if they ask for help or are invalid.
fn chosen(words: &[String]) -> Option<(u32, Vec<&'static Run>)> {
    let (mut times, mut runs) = (1, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--times" {
            times = words.next()?.parse().ok().filter(|times| (1..=100).contains(times))?;
        } else {
            runs.push(RUNS.iter().find(|run| run.name == word)?);
        }
    }
    if runs.is_empty() {
        runs.extend(RUNS);
    }
    Some((times, runs))
}

/// Executes one run in its own runtime, so no task of it survives into the next run.
fn one(run: &Run, times: u32) -> Report {
    let mut report = Report::new(run.name, times);
    say(&format!("\n── {}: {}", run.name, run.what));
    let runtime = Runtime::new().unwrap();
    let began = Instant::now();
    let outcome = runtime.block_on(AssertUnwindSafe((run.start)(&mut report)).catch_unwind());
    runtime.shutdown_timeout(Duration::from_secs(5));
    match outcome {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.promise(false, &format!("the run finishes without an error: {error:#}")),
        Err(_) => report.promise(false, "the run finishes without a panic"),
    }
    report.end(began.elapsed());
    report
}

fn table(reports: &[Report]) -> String {
    let mut table = format!(
        "\n{:<26} {:>8} {:>13} {:>6} {:>6} {:>11}  {}\n",
        "run", "seconds", "acknowledged", "lost", "twice", "duplicates", "verdict"
    );
    for report in reports {
        table.push_str(&report.line());
        table.push('\n');
    }
    table
}
