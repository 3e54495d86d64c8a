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
    let titles = METRICS.map(|metric| {
        let id = format!("{case}/{}", metric.id());
        (id, format!("{case}: one TCP stream, {}", metric.words()))
    });
    let heading = |number: usize| Heading {
        id: &titles[number].0,
        title: &titles[number].1,
        unit: METRICS[number].unit(),
        reference,
    };
    let all: Vec<&dyn Measured<2>> = streams.iter().map(|stream| stream as _).collect();
    session.compare([heading(0), heading(1)], &all)
}

/// What is looked at, in the order in which a round tells it.
const METRICS: [Metric; 2] = [Metric::Clock, Metric::Cpu];

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

impl Measured<2> for Stream<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    /// iperf3 takes octets, so that rounds are alike in what they carry and not in time.
    fn round(&self, _: Duration) -> Result<[f64; 2]> {
        let done = bulk::stream(self.from, self.to, self.address, OCTETS);
        let done = done.context(self.name)?;
        Ok([done.rate * 1000.0, done.per_cpu * 1000.0])
    }
}
