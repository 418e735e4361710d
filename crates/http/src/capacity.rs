//! The number of connections that this process can serve.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::limits::ServerLimits;

/// More connections could not be served in reasonable time.
const MAX_CONNECTIONS: u64 = 20_000;
/// More descriptors would slow down child processes that close all possible descriptors at their start.
const MAX_DESCRIPTORS: u64 = 65_536;
/// The memory per connection: the largest head and the largest part of a response in hyper, with overhead.
const BYTES_PER_CONNECTION: u64 = 64 << 10;
/// The share of the memory for connections: one quarter.
const MEMORY_SHARE: u64 = 4;

impl ServerLimits {
    /// Limits for the descriptors and the memory of this process. Raises its soft limit of open descriptors. A quarter of the
    /// descriptors remains for the store and outgoing calls, and three quarters of the memory for all else.
    #[must_use]
    pub fn for_this_process() -> Self {
        let connections = connections(raise_descriptors(), memory());
        Self { connections, connections_per_peer: Some((connections / 8).max(1)), ..Self::default() }
    }
}

fn connections(descriptors: u64, memory: Option<u64>) -> usize {
    let by_descriptors = descriptors - (descriptors / 4).clamp(16, 1024).min(descriptors / 2);
    let by_memory = memory.map_or(u64::MAX, |bytes| bytes / MEMORY_SHARE / BYTES_PER_CONNECTION);
    usize::try_from(by_descriptors.min(by_memory).clamp(16, MAX_CONNECTIONS)).unwrap_or(usize::MAX)
}

/// The descriptor limit of this process, after raising the soft limit.
fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(MAX_DESCRIPTORS).min(MAX_DESCRIPTORS);
    let current = limit.current.unwrap_or(u64::MAX);
    if current >= wanted {
        return current.min(MAX_DESCRIPTORS);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        Ok(()) => wanted,
        Err(_) => current,
    }
}

/// The memory limit of this process: that of its control group, or of the machine.
fn memory() -> Option<u64> {
    control_group().into_iter().chain(machine()).min()
}

fn machine() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The lowest limit of the process's control group and its parents (version 2).
fn control_group() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let limits = std::path::Path::new(own).ancestors().filter_map(|group| {
        let text = fs::read_to_string(std::path::Path::new("/sys/fs/cgroup").join(group).join("memory.max")).ok()?;
        text.trim().parse().ok() // `max` is no limit
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::connections;

    #[test]
    fn connections_leave_descriptors_and_memory_for_other_uses() {
        let gib = 1 << 30;
        for (descriptors, memory, expected) in [
            (1024, Some(24 * gib), 768),
            (65_536, Some(24 * gib), 20_000),
            (65_536, Some(gib), 4096),
            (65_536, None, 20_000),
            (256, Some(64 << 20), 192),
            (20, Some(gib), 16),
        ] {
            assert_eq!(connections(descriptors, memory), expected, "{descriptors} descriptors, {memory:?} bytes");
        }
    }
}
