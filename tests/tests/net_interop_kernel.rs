//! netfwd and the kernel's vxlan, on a bridge and in metadata mode, over IPv4 and IPv6.

use anyhow::Result;
use tests::{
    behaviour::interop::{broadcast_once, carries_tcp, carries_udp, carries_v6, reaches},
    interop::{Family, Make, PORTS, Plan},
};

const OCTETS: u64 = 20_000_000;

/// With the kernel's vxlan on a bridge, everything crosses both ways.
fn bridge(family: Family, plan: Plan) -> Result<()> {
    let sites = plan.over(family).start()?;
    reaches(&sites)?;
    carries_tcp(&sites, family, OCTETS)?;
    carries_udp(&sites, OCTETS / 2)?;
    carries_v6(&sites, family, OCTETS)?;
    broadcast_once(&sites)
}

fn pair() -> Plan {
    Plan::of(&[Make::Netfwd, Make::Bridge])
}

#[test]
fn on_a_bridge_over_ipv4() -> Result<()> {
    bridge(Family::V4, pair())
}

#[test]
fn on_a_bridge_over_ipv4_with_checksums() -> Result<()> {
    bridge(Family::V4, pair().with_checksums())
}

#[test]
fn on_a_bridge_over_ipv6_without_checksums() -> Result<()> {
    bridge(Family::V6, pair())
}

#[test]
fn on_a_bridge_over_ipv6_with_checksums() -> Result<()> {
    bridge(Family::V6, pair().with_checksums())
}

#[test]
fn on_a_bridge_on_the_older_port() -> Result<()> {
    bridge(Family::V4, pair().ports(&[PORTS[1], PORTS[1]]))
}

/// A device of the kernel sends to the port that it listens on, so that netfwd listens on both.
#[test]
fn on_bridges_with_a_port_each() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let plan = Plan::of(&[Make::Netfwd, Make::Netfwd, Make::Bridge]);
        let sites = plan.ports(&[PORTS[0], PORTS[1], PORTS[0]]).over(family);
        let sites = sites.start()?;
        reaches(&sites)?;
        carries_tcp(&sites, family, OCTETS / 4)?;
        broadcast_once(&sites)?;
    }
    Ok(())
}

/// What the others do without netfwd, so that a mistake of the tests' own is noticed.
#[test]
fn the_kernel_among_itself() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        bridge(family, Plan::of(&[Make::Bridge, Make::Bridge]))?;
        external(family, Plan::of(&[Make::Bridge, Make::External]))?;
    }
    Ok(())
}

fn external(family: Family, plan: Plan) -> Result<()> {
    let sites = plan.over(family).start()?;
    reaches(&sites)?;
    carries_tcp(&sites, family, OCTETS)?;
    carries_udp(&sites, OCTETS / 2)
}

#[test]
fn in_metadata_mode_over_ipv4() -> Result<()> {
    external(Family::V4, Plan::of(&[Make::Netfwd, Make::External]))
}

#[test]
fn in_metadata_mode_over_ipv6() -> Result<()> {
    let plan = Plan::of(&[Make::Netfwd, Make::External]);
    external(Family::V6, plan.clone())?;
    external(Family::V6, plan.with_checksums())
}
