//! Bulk TCP by iperf3.

use std::time::Duration;

use anyhow::Result;

use super::{Ends, Load, Ways, Words};
use crate::bench::report::Unit;
use crate::bench::session::Session;
use crate::run::bulk;

/// Octets that a second carries, about.
const PER_SECOND: f64 = 1.5e9;

const ONE: [Words; 2] = words([
    ("tcp-1", "one TCP stream, by the clock, a CPU for each end"),
    ("tcp-1-cpu", "one TCP stream, by the CPU time of both ends"),
]);
const FOUR: [Words; 2] = words([
    (
        "tcp-4",
        "four TCP streams, by the clock, a CPU for each end",
    ),
    (
        "tcp-4-cpu",
        "four TCP streams, by the CPU time of both ends",
    ),
]);

const fn words([clock, cpu]: [(&'static str, &'static str); 2]) -> [Words; 2] {
    [
        Words {
            id: clock.0,
            title: clock.1,
            unit: Unit::MegabitsPerSecond,
        },
        Words {
            id: cpu.0,
            title: cpu.1,
            unit: Unit::MegabitsPerCpuSecond,
        },
    ]
}

/// Measures and prints.
pub fn run(session: &Session<'_>, ways: &Ways<'_>) -> Result<()> {
    for (streams, words) in [(1, ONE), (4, FOUR)] {
        let open = |ends| {
            Ok(Bulk {
                ways,
                ends,
                streams,
            })
        };
        ways.compare(session, words, open)?;
    }
    Ok(())
}

struct Bulk<'lab> {
    ways: &'lab Ways<'lab>,
    ends: &'lab Ends<'lab>,
    streams: u8,
}

impl Load<2> for Bulk<'_> {
    /// iperf3 takes octets, so that rounds are alike in what they carry and not in time.
    fn round(&self, time: Duration) -> Result<[f64; 2]> {
        let Self { ways, ends, .. } = self;
        let octets = (time.as_secs_f64() * PER_SECOND) as u64;
        let done = bulk::streams(self.streams, ends.from, ends.to, ways.address, octets)?;
        Ok([done.rate, done.per_cpu].map(|gbit| gbit * 1000.0))
    }
}
