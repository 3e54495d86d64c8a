//! Networks that span hosts by a multicast group: netfwd and the kernel's vxlan with `group`.

use std::net::IpAddr;

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::{
    behaviour::interop::{
        broadcast_once, carries_tcp, copies_of_broadcast, joins_are_heard, reaches,
    },
    capture::Capture,
    interop::{Family, Make, Plan, Sites},
    packet::{Mac, group_mac},
    process::{TIMEOUT, eventually},
    topology::UNDERLAY,
    traffic::{Ping, ping},
};

fn by_group(makes: &[Make], family: Family) -> Result<Sites> {
    let sites = Plan::of(makes).by_group().over(family).start()?;
    joins_are_heard(&sites, family)?;
    Ok(sites)
}

/// MAC of a group (RFC 1112 §6.4, RFC 2464 §7).
fn mac(group: IpAddr) -> Mac {
    match group {
        IpAddr::V4(group) => {
            let [_, a, b, c] = group.octets();
            [0x01, 0, 0x5e, a & 0x7f, b, c]
        }
        IpAddr::V6(group) => group_mac(group),
    }
}

fn everything_crosses(family: Family) -> Result<()> {
    let sites = by_group(&[Make::Netfwd, Make::Bridge, Make::Netfwd], family)?;
    reaches(&sites)?;
    broadcast_once(&sites)?;
    carries_tcp(&sites, family, 5_000_000)
}

#[test]
fn over_ipv4() -> Result<()> {
    everything_crosses(Family::V4)
}

#[test]
fn over_ipv6() -> Result<()> {
    everything_crosses(Family::V6)
}

/// What the others do without netfwd, so that a mistake of the tests' own is noticed.
#[test]
fn the_kernel_among_itself() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let sites = by_group(&[Make::Bridge, Make::Bridge, Make::Bridge], family)?;
        reaches(&sites)?;
        broadcast_once(&sites)?;
        sent_once(&sites, family)?;
        known_is_unicast(&sites)?;
    }
    Ok(())
}

/// One copy for all the others, to the group's address and MAC.
fn sent_once(sites: &Sites, family: Family) -> Result<()> {
    let copies = copies_of_broadcast(&sites.sites[0])?;
    ensure!(copies.len() == 1, "{} copies", copies.len());
    ensure!(copies[0][..6] == mac(family.group()), "{:x?}", copies[0]);
    Ok(())
}

/// Once a station has answered, what is for it goes to its VTEP alone.
fn known_is_unicast(sites: &Sites) -> Result<()> {
    let (from, to) = (&sites.sites[0], &sites.sites[1]);
    ping(&from.station, to.address, Ping::count(1))?.complete()?;
    let capture = Capture::start(&from.host, UNDERLAY, "udp port 4789")?;
    ping(&from.station, to.address, Ping::count(5))?.complete()?;
    let frames = capture.fields(&["eth.dst", "icmp.type"])?;
    let echoes: Vec<_> = frames.iter().filter(|frame| !frame[1].is_empty()).collect();
    ensure!(echoes.len() >= 10, "{} echoes were captured", echoes.len());
    let grouped = echoes
        .iter()
        .filter(|echo| echo[0].starts_with("01:") || echo[0].starts_with("33:"));
    ensure!(grouped.count() == 0, "{echoes:?}");
    Ok(())
}

#[test]
fn one_copy_serves_all() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let mut sites = by_group(&[Make::Netfwd, Make::Bridge, Make::Netfwd], family)?;
        sent_once(&sites, family)?;
        known_is_unicast(&sites)?;
        others_are_learned(&mut sites, family)?;
    }
    Ok(())
}

/// The other members of the group, which nobody has configured, are shown for what they are once each has
/// said something.
fn others_are_learned(sites: &mut Sites, family: Family) -> Result<()> {
    reaches(sites)?;
    let peers = sites.sites[0].netfwd()?.json("peer show")?;
    for number in [2, 3] {
        let address = family.vtep(number).to_string();
        let is = |peer: &Value| peer["address"] == *address && peer["kind"] == "learned";
        ensure!(peers.iter().any(is), "{address} is not among {peers:?}");
    }
    Ok(())
}

/// When the network's group is gone from the configuration, its host is no member any more. Whether the
/// switch hears of it at once is IGMP's affair: in version 2 only who reported last says so.
#[test]
fn a_group_is_left() -> Result<()> {
    for family in [Family::V4, Family::V6] {
        let mut sites = by_group(&[Make::Netfwd, Make::Bridge], family)?;
        let site = &mut sites.sites[0];
        let netfwd = site.netfwd()?;
        let group = format!("group = \"{}\"", family.group());
        let peers = format!("peers = [\"{}\"]", family.vtep(2));
        let config = netfwd.config()?.replace(&group, &peers);
        netfwd.reload(&config)?;
        eventually("the group is left", TIMEOUT, || {
            let groups = site.host.run(&format!("ip maddr show dev {UNDERLAY}"))?;
            let group = family.group().to_string();
            Ok(!groups.stdout.split_whitespace().any(|word| word == group))
        })?;
    }
    Ok(())
}
