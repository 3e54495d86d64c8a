//! Bulk TCP by iperf3, looked at in two ways.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::measure::{self, Measured, Rounds};
use super::table;
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
pub fn compare(case: &str, streams: &[Stream<'_>], reference: &str, rounds: Rounds) -> Result<()> {
    for metric in [Metric::Clock, Metric::Cpu] {
        let all: Vec<_> = streams.iter().map(|stream| (metric, stream)).collect();
        let measured: Vec<&dyn Measured> = all.iter().map(|one| one as _).collect();
        let series = measure::interleaved(&measured, rounds)?;
        table::print(&metric.title(case), &series, reference);
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
    fn title(self, case: &str) -> String {
        match self {
            Self::Clock => {
                format!("{case}: Mbit/s of one TCP stream by the clock, a CPU for each end")
            }
            Self::Cpu => {
                format!("{case}: Mbit of one TCP stream per second of CPU time of both ends")
            }
        }
    }
}

impl Measured for (Metric, &Stream<'_>) {
    fn name(&self) -> &'static str {
        self.1.name
    }

    /// iperf3 takes octets, so that rounds are alike in what they carry and not in time.
    fn round(&self, _: Duration) -> Result<f64> {
        let (metric, stream) = self;
        let done = bulk::stream(stream.from, stream.to, stream.address, OCTETS);
        let done = done.context(stream.name)?;
        let gbit = match metric {
            Metric::Clock => done.rate,
            Metric::Cpu => done.per_cpu,
        };
        Ok(gbit * 1000.0)
    }
}
