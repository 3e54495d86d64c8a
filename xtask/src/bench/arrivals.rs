//! Frames counted where they arrive.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::run::netns::Netns;

/// The interface of a container.
pub const INTERFACE: &str = "eth0";

/// What a container receives.
pub struct Arrivals<'lab> {
    /// What is between it and its sender.
    pub by: &'static str,
    /// The container.
    pub receiver: &'lab Netns,
}

impl Arrivals<'_> {
    /// Frames that arrive per second of the CPU time that their sender reports.
    pub fn rate(&self, send: impl FnOnce() -> Result<Duration>) -> Result<f64> {
        let before = self.received()?;
        let elapsed = send()?;
        // What waits for a softirq thread is late, not lost.
        thread::sleep(Duration::from_millis(10));
        let received = self.received()? - before;
        ensure!(received > 0, "nothing arrived by {}", self.by);
        Ok(received as f64 / elapsed.as_secs_f64())
    }

    /// Frames that the receiver's interface has received so far.
    fn received(&self) -> Result<u64> {
        let table = self
            .receiver
            .enter(|| Ok(fs::read_to_string("/proc/thread-self/net/dev")?))?;
        let row = table.lines().find_map(|line| {
            let (name, counters) = line.split_once(':')?;
            (name.trim() == INTERFACE).then_some(counters)
        });
        let packets = row.and_then(|row| row.split_whitespace().nth(1)?.parse().ok());
        packets.with_context(|| format!("no counters of {INTERFACE}"))
    }
}
