//! Compares `verify` of a 16 KiB body with a bare HMAC-SHA-256, interleaved on one core. Fails below the minimum ratio.

use std::hint::black_box;
use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use terra_auth_webhook::{Verifier, sign};

const MIN_RATIO: f64 = 0.95;
const ROUNDS: usize = 41;
const CALLS_PER_ROUND: u32 = 400;
const SECRET: &[u8] = b"test-secret-not-a-secret";
const NOW: i64 = 1_893_456_000;

fn main() -> ExitCode {
    let body = vec![0x5a; 16 * 1024];
    let header = sign(SECRET, NOW, &body);
    let checker = Verifier::new([SECRET]);
    let call_ours = || assert!(black_box(&checker).verify(black_box(&header), black_box(&body), NOW).is_ok());
    let call_bare = || assert_ne!(bare_hmac(black_box(&body)), [0; 32]);

    let (mut ratios, mut fastest) = (Vec::new(), Duration::MAX);
    for _ in 0..ROUNDS {
        let (bare, ours) = (time(&call_bare), time(&call_ours));
        ratios.push(bare.as_secs_f64() / ours.as_secs_f64());
        fastest = fastest.min(ours);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ROUNDS / 2];
    let line =
        format!("verify 16 KiB: {median:.3} x bare HMAC (minimum {MIN_RATIO}), {:?} each", fastest / CALLS_PER_ROUND);
    if writeln!(std::io::stdout(), "{line}").is_ok() && median >= MIN_RATIO {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn time(call: &impl Fn()) -> Duration {
    let start = Instant::now();
    (0..CALLS_PER_ROUND).for_each(|_| call());
    start.elapsed()
}

#[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
fn bare_hmac(body: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("a key of any length");
    mac.update(body);
    mac.finalize().into_bytes().into()
}
