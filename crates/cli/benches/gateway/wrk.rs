//! Load by `wrk`: one thread and 64 connections, each of which sends the next request as soon as it
//! has the response.

use std::{net::SocketAddr, path::Path, process::Command};

use serde::Deserialize;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/gateway/load.lua");

/// The result of a load.
#[derive(Clone, Copy)]
pub(crate) struct Throughput {
    /// Responses per second.
    pub(crate) rate: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// The output of the script.
#[derive(Deserialize)]
struct WrkOutput {
    answers: f64,
    took_us: f64,
    failures: u32,
    p50_us: f64,
    p99_us: f64,
}

/// Sends POST requests to `path` for some seconds, each with one of the headers in the file `headers`.
pub(crate) fn load(address: SocketAddr, path: &str, headers: &Path, seconds: u32) -> Throughput {
    let mut command = Command::new("wrk");
    command.args(["--threads", "1", "--connections", "64", "--script", SCRIPT, "--duration"]);
    command.arg(format!("{seconds}s")).arg(format!("http://{address}{path}")).arg("--").arg(headers);
    let output = command.output().expect("wrk is installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let said = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    let said: WrkOutput = said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(said.failures, 0, "{text}");
    Throughput { rate: said.answers / (said.took_us / 1e6), p50_ms: said.p50_us / 1000.0, p99_ms: said.p99_us / 1000.0 }
}
