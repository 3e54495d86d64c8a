//! Bulk TCP by iperf3, looked at in two ways.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::measure::Measured;
use super::report::Unit;
use super::session::{Heading, Session};
use crate::run::bulk;
use crate::run::netns::Netns;

/// What one round carries, a quarter of a second's worth.
const OCTETS: &str = "512M";

/// A TCP stream between two containers.
pub struct Stream<'lab> {
    /// What is between them.
    pub name: &'static str,
    /// Who sends.
    pub from: &'lab Netns,
    /// Who receives.
    pub to: &'lab Netns,
    /// The receiver's address, as the sender knows it.
    pub address: Ipv4Addr,
}

/// Measures by the clock and by CPU time, and prints both beside `reference`.
pub fn compare(
    session: &Session<'_>,
    case: &str,
    streams: &[Stream<'_>],
    reference: &str,
) -> Result<()> {
    for metric in [Metric::Clock, Metric::Cpu] {
        let all: Vec<_> = streams.iter().map(|stream| (metric, stream)).collect();
        let measured: Vec<&dyn Measured> = all.iter().map(|one| one as _).collect();
        let heading = Heading {
            id: &format!("{case}/{}", metric.id()),
            title: &format!("{case}: one TCP stream, {}", metric.words()),
            unit: metric.unit(),
            reference,
        };
        session.compare([heading], &measured)?;
    }
    Ok(())
}

/// What is looked at.
#[derive(Debug, Clone, Copy)]
enum Metric {
    Clock,
    Cpu,
}

impl Metric {
    const fn id(self) -> &'static str {
        match self {
            Self::Clock => "tcp-1",
            Self::Cpu => "tcp-1-cpu",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Clock => "by the clock, a CPU for each end",
            Self::Cpu => "by the CPU time of both ends",
        }
    }

    const fn unit(self) -> Unit {
        match self {
            Self::Clock => Unit::MegabitsPerSecond,
            Self::Cpu => Unit::MegabitsPerCpuSecond,
        }
    }
}

impl Measured for (Metric, &Stream<'_>) {
    fn name(&self) -> &'static str {
        self.1.name
    }

    /// iperf3 takes octets, so that rounds are alike in what they carry and not in time.
    fn round(&self, _: Duration) -> Result<[f64; 1]> {
        let (metric, stream) = self;
        let done = bulk::stream(stream.from, stream.to, stream.address, OCTETS);
        let done = done.context(stream.name)?;
        let gbit = match metric {
            Metric::Clock => done.rate,
            Metric::Cpu => done.per_cpu,
        };
        Ok([gbit * 1000.0])
    }
}
