//! netfwd and Open vSwitch, over IPv4 and IPv6.

use anyhow::Result;
use tests::{
    behaviour::interop::{
        broadcast_once, reaches, takes_whole_packets, takes_whole_packets_v6, tcp, tcp_v6,
    },
    interop::{Family, Make, PORTS, Plan, Sites},
    topology::{UNDERLAY, offload},
    traffic::{Ping, ping},
};

const OCTETS: u64 = 5_000_000;

fn both_ways(family: Family, plan: Plan) -> Result<()> {
    let sites = plan.over(family).start()?;
    // A veth hands on checksums that are yet to be filled in, which a NIC would have done.
    offload(&sites.sites[0].host, UNDERLAY, "tx off tso off gso off")?;
    // What it has no neighbour for on the underlay, it drops while it asks; and of the first frames over IPv6
    // one was lost when the machine was busy.
    settle(&sites)?;
    reaches(&sites)?;
    // No bursts of UDP: what its packet sockets cannot hold is lost, whoever sends it.
    // And all echoes before any bulk transfer: behind one, which its packet sockets still held, one of three was lost.
    takes_whole_packets(&sites, family)?;
    takes_whole_packets_v6(&sites, family)?;
    tcp(&sites, OCTETS)?;
    tcp_v6(&sites, OCTETS)?;
    broadcast_once(&sites)
}

/// Sends echoes that nobody need answer.
fn settle(sites: &Sites) -> Result<()> {
    for (from, to) in sites.pairs() {
        ping(&from.station, to.address, Ping::count(2))?;
        ping(&from.station, to.address_v6, Ping::count(2))?;
    }
    Ok(())
}

fn pair() -> Plan {
    Plan::of(&[Make::Netfwd, Make::OpenVswitch])
}

#[test]
fn over_ipv4() -> Result<()> {
    both_ways(Family::V4, pair())
}

#[test]
fn over_ipv4_with_checksums() -> Result<()> {
    both_ways(Family::V4, pair().with_checksums())
}

#[test]
fn over_ipv4_on_the_older_port() -> Result<()> {
    both_ways(Family::V4, pair().ports(&[PORTS[1], PORTS[1]]))
}

#[test]
fn over_ipv6() -> Result<()> {
    both_ways(Family::V6, pair())
}

/// What the others do without netfwd, so that a mistake of the tests' own is noticed.
#[test]
fn the_kernel_and_open_vswitch() -> Result<()> {
    both_ways(Family::V4, Plan::of(&[Make::Bridge, Make::OpenVswitch]))?;
    both_ways(Family::V6, Plan::of(&[Make::Bridge, Make::OpenVswitch]))
}
