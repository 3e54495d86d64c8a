//! Bulk TCP from one container to the other, by iperf3.

use std::net::Ipv4Addr;

use anyhow::Result;

use super::KERNEL;
use super::hosts::Pair;
use crate::bench::session::Session;
use crate::bench::stream::{self, Stream};

/// Addresses of the containers.
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 3, 11), Ipv4Addr::new(10, 0, 3, 12)];

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let [ours, kernel] = ["bn", "bk"].map(|label| Pair::create(prefix, label));
    let (ours, kernel) = (ours?, kernel?);
    kernel.kernel()?;
    let _running = ours.netfwd(loader, prefix, "off")?;
    for pair in [&ours, &kernel] {
        give_addresses(pair)?;
    }
    let streams = [across("netfwd", &ours), across(KERNEL, &kernel)];
    stream::compare(session, "vxlan", &streams, KERNEL)
}

fn give_addresses(pair: &Pair) -> Result<()> {
    for (container, address) in pair.containers.iter().zip(ADDRESSES) {
        container.ip(&format!("address add {address}/24 dev eth0"))?;
        container.ip("link set eth0 up")?;
    }
    Ok(())
}

fn across<'pair>(name: &'static str, pair: &'pair Pair) -> Stream<'pair> {
    let [from, to] = &pair.containers;
    Stream {
        name,
        from,
        to,
        address: ADDRESSES[1],
    }
}
