//! Frames among many entries of a table.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::bench::generator::Generator;
use crate::bench::measure::Measured;
use crate::bench::path::Path;
use crate::run::netns::Netns;

/// Frames that are sent in turn at every size, so that the sender's own memory weighs the same in all.
pub const MANY: u32 = 4096;
/// As many as one call of the sender takes.
pub const FEW: u32 = 64;
/// Frames that are made and sent at a time where a table is filled.
const CHUNK: u32 = 1 << 14;
/// How often filling is tried: what a queue had no room for is sent again.
const TRIES: u32 = 5;

/// Frames on a path.
pub struct Traffic<'lab> {
    name: &'static str,
    path: &'lab Path<'lab>,
    frames: Vec<Vec<u8>>,
}

impl<'lab> Traffic<'lab> {
    /// This many frames, of entries that are scattered over a table of this size.
    pub fn among(
        name: &'static str,
        path: &'lab Path<'lab>,
        count: u32,
        size: u32,
        frame: impl Fn(u32) -> Vec<u8>,
    ) -> Self {
        let entries = (0..count).map(|number| scattered(number, size));
        let frames = entries.map(frame).collect();
        Self { name, path, frames }
    }

    /// Whose it is.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Frames that arrive per second of CPU time, with the time that they took.
    pub fn measure(&self, time: Duration) -> Result<(f64, Duration)> {
        let mut took = Duration::ZERO;
        let rate = self.path.rate(|| {
            took = self.path.generator.flood(&self.frames, time)?;
            Ok(took)
        })?;
        Ok((rate, took))
    }
}

impl Measured for Traffic<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn round(&self, time: Duration) -> Result<[f64; 1]> {
        self.path.prepare()?;
        // What the last path left in the caches is none of this one's.
        self.measure(time / 8)?;
        Ok([self.measure(time)?.0])
    }
}

/// The entry that is met at a place in the order of sending: far from the one before it.
fn scattered(number: u32, size: u32) -> u32 {
    const PRIME: u64 = 2_654_435_761;
    (u64::from(number) * PRIME % u64::from(size)) as u32
}

/// Sends the frames of all entries, until each has arrived.
pub fn fill(from: &Generator, to: &Netns, size: u32, frame: impl Fn(u32) -> Vec<u8>) -> Result<()> {
    for _ in 0..TRIES {
        let before = received(to)?;
        for start in (0..size).step_by(CHUNK as usize) {
            let numbers = start..size.min(start + CHUNK);
            let frames: Vec<_> = numbers.map(&frame).collect();
            from.each(&frames)?;
        }
        std::thread::sleep(Duration::from_millis(20));
        if received(to)? - before >= u64::from(size) {
            return Ok(());
        }
    }
    ensure!(false, "not all of {size} frames arrived in {}", to.name());
    Ok(())
}

/// Frames that the interfaces of a namespace have received, but for its loopback.
pub fn received(netns: &Netns) -> Result<u64> {
    let table = netns.enter(|| Ok(fs::read_to_string("/proc/thread-self/net/dev")?))?;
    let rows = table.lines().filter_map(|line| line.split_once(':'));
    let outer = rows.filter(|(name, _)| name.trim() != "lo");
    let packets = outer.filter_map(|(_, row)| row.split_whitespace().nth(1)?.parse::<u64>().ok());
    Ok(packets.sum())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn scattered_entries_are_all_met() {
        for size in [1, 10, 1000, 4000] {
            let met: BTreeSet<u32> = (0..size).map(|number| scattered(number, size)).collect();
            assert_eq!(met.len(), size as usize);
        }
    }
}
