//! Bulk TCP from one container to the other, by iperf3.

use std::net::Ipv4Addr;
use std::path::Path as File;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::KERNEL;
use super::hosts::Pair;
use crate::bench::measure::{self, Measured, Rounds};
use crate::bench::table;
use crate::run::bulk;

/// Addresses of the containers.
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 3, 11), Ipv4Addr::new(10, 0, 3, 12)];
/// What one round carries, a quarter of a second's worth.
const OCTETS: &str = "512M";

/// Measures and prints.
pub fn run(loader: &File, prefix: &str, rounds: Rounds) -> Result<()> {
    let [ours, kernel] = ["bn", "bk"].map(|label| Pair::create(prefix, label));
    let (ours, kernel) = (ours?, kernel?);
    kernel.kernel()?;
    let _running = ours.netfwd(loader, prefix, "off")?;
    for pair in [&ours, &kernel] {
        give_addresses(pair)?;
    }
    for metric in [Metric::Clock, Metric::Cpu] {
        let stream = |name, pair| Stream { name, pair, metric };
        let streams = [stream("netfwd", &ours), stream(KERNEL, &kernel)];
        let measured: Vec<&dyn Measured> = streams.iter().map(|stream| stream as _).collect();
        let series = measure::interleaved(&measured, rounds)?;
        table::print(metric.title(), &series, KERNEL);
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
    const fn title(self) -> &'static str {
        match self {
            Self::Clock => "vxlan: Mbit/s of one TCP stream by the clock, a CPU for each end",
            Self::Cpu => "vxlan: Mbit of one TCP stream per second of CPU time of both ends",
        }
    }
}

fn give_addresses(pair: &Pair) -> Result<()> {
    for (container, address) in pair.containers.iter().zip(ADDRESSES) {
        container.ip(&format!("address add {address}/24 dev eth0"))?;
        container.ip("link set eth0 up")?;
    }
    Ok(())
}

/// A stream across a pair of hosts.
struct Stream<'pair> {
    name: &'static str,
    pair: &'pair Pair,
    metric: Metric,
}

impl Measured for Stream<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    /// iperf3 takes octets, so that rounds are alike in what they carry and not in time.
    fn round(&self, _: Duration) -> Result<f64> {
        let [from, to] = &self.pair.containers;
        let done = bulk::stream(from, to, ADDRESSES[1], OCTETS).context(self.name)?;
        let gbit = match self.metric {
            Metric::Clock => done.rate,
            Metric::Cpu => done.per_cpu,
        };
        Ok(gbit * 1000.0)
    }
}
