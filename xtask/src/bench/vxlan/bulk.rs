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
/// What one round carries, half a second's worth.
const OCTETS: &str = "1G";

/// Measures and prints.
pub fn run(loader: &File, prefix: &str, rounds: Rounds) -> Result<()> {
    let [ours, kernel] = ["bn", "bk"].map(|label| Pair::create(prefix, label));
    let (ours, kernel) = (ours?, kernel?);
    kernel.kernel()?;
    let _running = ours.netfwd(loader, prefix, "off")?;
    let streams = [
        Stream::open("netfwd", &ours)?,
        Stream::open(KERNEL, &kernel)?,
    ];
    let measured: Vec<&dyn Measured> = streams.iter().map(|stream| stream as _).collect();
    let series = measure::interleaved(&measured, rounds)?;
    table::print(
        "vxlan: Mbit/s of one TCP stream by the clock, a CPU for each end",
        &series,
        KERNEL,
    );
    Ok(())
}

/// A stream across a pair of hosts.
struct Stream<'pair> {
    name: &'static str,
    pair: &'pair Pair,
}

impl<'pair> Stream<'pair> {
    fn open(name: &'static str, pair: &'pair Pair) -> Result<Self> {
        for (container, address) in pair.containers.iter().zip(ADDRESSES) {
            container.ip(&format!("address add {address}/24 dev eth0"))?;
            container.ip("link set eth0 up")?;
        }
        Ok(Self { name, pair })
    }
}

impl Measured for Stream<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    /// iperf3 takes octets, so that rounds are alike in what they carry and not in time.
    fn round(&self, _: Duration) -> Result<f64> {
        let [from, to] = &self.pair.containers;
        let rate = bulk::stream(from, to, ADDRESSES[1], OCTETS).context(self.name)?;
        Ok(rate * 1000.0)
    }
}
