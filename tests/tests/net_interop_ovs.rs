//! netfwd and Open vSwitch, over IPv4 and IPv6.

use anyhow::Result;
use tests::{
    behaviour::interop::{
        broadcast_once, reaches, takes_whole_packets, takes_whole_packets_v6, tcp, tcp_v6,
    },
    interop::{Family, Make, PORTS, Plan},
    process::{TIMEOUT, eventually},
    topology::{UNDERLAY, offload},
};

const OCTETS: u64 = 5_000_000;

fn both_ways(family: Family, plan: Plan) -> Result<()> {
    let sites = plan.over(family).start()?;
    // A veth hands on checksums that are yet to be filled in, which a NIC would have done.
    offload(&sites.sites[0].host, UNDERLAY, "tx off tso off gso off")?;
    // No bursts of UDP: what its packet sockets cannot hold is lost, whoever sends it. And echoes before any bulk transfer,
    // for the same reason.
    in_the_end("every echo", || reaches(&sites))?;
    in_the_end("whole packets", || takes_whole_packets(&sites, family))?;
    in_the_end("whole packets of IPv6", || {
        takes_whole_packets_v6(&sites, family)
    })?;
    tcp(&sites, OCTETS)?;
    tcp_v6(&sites, OCTETS)?;
    broadcast_once(&sites)
}

/// Has all of them arrive, if not the first time. What Open vSwitch has no neighbour for on the underlay, it drops while it
/// asks; and on a busy machine it loses one or two echoes of three, between it and the kernel's own bridge as well.
fn in_the_end(what: &str, work: impl Fn() -> Result<()>) -> Result<()> {
    let mut last = Ok(());
    let done = eventually(what, TIMEOUT, || {
        last = work();
        Ok(last.is_ok())
    });
    done.or(last)
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
