//! Bulk TCP by iperf3.

use std::time::Duration;

use anyhow::Result;

use super::{Ends, Load, Ways, Words};
use crate::bench::cpu::Cpu;
use crate::bench::report::Unit;
use crate::bench::session::Session;
use crate::run::bulk::{Bulk, Cpus};

/// So many streams, on these CPUs, and the words about what is measured of them.
type Kind = (u8, Cpus, [Words; 2]);

/// With both ends on one CPU all that the path costs is in the figure, and nobody waits to be woken: there the bare
/// ceiling is, within its spread, no lower than anything else (1.05 of the bridge, 1.47 of the kernel's VXLAN, 1.26 of
/// its NAT, by CPU time), and one kernel against another like it is within 0.87 and 1.14 in single rounds, where it is
/// within 0.46 and 1.70 by the clock with a CPU for each.
const KINDS: [Kind; 4] = [
    (
        1,
        Cpus::One,
        words([
            ("tcp-1-one-core", "one TCP stream, on one core"),
            (
                "tcp-1-one-core-cpu",
                "one TCP stream, on one core, by its CPU time",
            ),
        ]),
    ),
    (
        4,
        Cpus::One,
        words([
            ("tcp-4-one-core", "four TCP streams, on one core"),
            (
                "tcp-4-one-core-cpu",
                "four TCP streams, on one core, by its CPU time",
            ),
        ]),
    ),
    (
        1,
        Cpus::Two,
        words([
            ("tcp-1", "one TCP stream, by the clock, a CPU for each end"),
            ("tcp-1-cpu", "one TCP stream, by the CPU time of both ends"),
        ]),
    ),
    (
        4,
        Cpus::Two,
        words([
            (
                "tcp-4",
                "four TCP streams, by the clock, a CPU for each end",
            ),
            (
                "tcp-4-cpu",
                "four TCP streams, by the CPU time of both ends",
            ),
        ]),
    ),
];

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
    for (streams, cpus, words) in KINDS {
        let open = |ends| {
            Ok(Carrier {
                ways,
                ends,
                streams,
                cpus,
            })
        };
        ways.compare(session, words, open)?;
    }
    Ok(())
}

struct Carrier<'lab> {
    ways: &'lab Ways<'lab>,
    ends: &'lab Ends<'lab>,
    streams: u8,
    cpus: Cpus,
}

impl Carrier<'_> {
    /// iperf3 takes octets, so that rounds are alike in what they carry and not in time: what a second
    /// carries, about.
    fn octets(&self, time: Duration) -> u64 {
        let each_second = match self.cpus {
            Cpus::One => 6e9,
            Cpus::Two => 4e9,
        };
        (time.as_secs_f64() * each_second) as u64
    }
}

impl Load<2> for Carrier<'_> {
    /// iperf3 tells its own CPU time, with the softirqs that it serves; the CPUs' softirq threads serve
    /// the others.
    fn round(&self, time: Duration) -> Result<[f64; 2]> {
        let Self { ways, ends, .. } = self;
        let bulk = Bulk {
            streams: self.streams,
            octets: self.octets(time),
            cpus: self.cpus,
        };
        let cpus = [Cpu::first()?, Cpu::second()?];
        let served = || cpus.iter().map(Cpu::served).sum::<Result<Duration>>();
        let before = served()?;
        let done = bulk.run(ends.from, ends.to, ways.address)?;
        let cpu = done.cpu + served()?.saturating_sub(before);
        Ok([done.rate, done.gigabits / cpu.as_secs_f64()].map(|gbit| gbit * 1000.0))
    }
}
