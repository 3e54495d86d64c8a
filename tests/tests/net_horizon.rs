//! Split horizon: what came from a peer never goes to a peer.

use std::{net::IpAddr, time::Duration};

use anyhow::{Result, ensure};
use tests::{
    behaviour::interop::{probe, reaches},
    interop::{Family, Make, Plan, Site, Sites},
    packet::{Ipv4, RawSocket, ether_type, ethernet},
    topology::UNDERLAY,
};

/// Time in which a frame that is sent has been sent.
const QUIET: Duration = Duration::from_millis(500);
/// Octets of the outer Ethernet header.
const ETH: usize = 14;

/// The source of an outer header.
fn source(frame: &[u8], family: Family) -> IpAddr {
    match family {
        Family::V4 => <[u8; 4]>::try_from(&frame[ETH + 12..ETH + 16]).map(IpAddr::from),
        Family::V6 => {
            let octets = <[u8; 16]>::try_from(&frame[ETH + 8..ETH + 24]);
            return IpAddr::from(octets.expect("a slice of that length"));
        }
    }
    .expect("a slice of that length")
}

/// Every frame around this one that is on a host's end of the underlay came from the first site.
fn nobody_sends_on(sites: &Sites, frame: &[u8], family: Family) -> Result<()> {
    let [first, others @ ..] = &sites.sites[..] else {
        anyhow::bail!("no sites")
    };
    let wires = others
        .iter()
        .map(|site| RawSocket::open(&site.host, UNDERLAY))
        .collect::<Result<Vec<_>>>()?;
    RawSocket::open(&first.station, first.interface)?.send(frame)?;
    for (site, wire) in others.iter().zip(&wires) {
        let mut copies = 0;
        while let Some(copy) = wire.next(QUIET, |seen| seen.ends_with(frame))? {
            let from = source(&copy, family);
            let number = site.number;
            ensure!(from == family.vtep(1), "{from} at site {number}");
            copies += 1;
        }
        ensure!(copies == 1, "site {}: {copies} copies", site.number);
    }
    Ok(())
}

/// A frame for a station that nobody knows.
fn to_nobody(from: &Site) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.250", "10.0.3.251").udp(9, 9, b"for nobody");
    ethernet([2, 0, 0, 0, 0xab, 0xcd], from.mac, ether_type::IPV4, &ip)
}

fn three(makes: [Make; 3], family: Family) -> Result<()> {
    let sites = Plan::of(&makes).over(family).start()?;
    reaches(&sites)?;
    nobody_sends_on(&sites, &probe(&sites.sites[0]), family)?;
    nobody_sends_on(&sites, &to_nobody(&sites.sites[0]), family)
}

#[test]
fn three_hosts_over_ipv4() -> Result<()> {
    three([Make::Netfwd; 3], Family::V4)
}

#[test]
fn three_hosts_over_ipv6() -> Result<()> {
    three([Make::Netfwd; 3], Family::V6)
}

#[test]
fn with_the_kernel_between() -> Result<()> {
    three([Make::Bridge, Make::Netfwd, Make::Bridge], Family::V4)?;
    three([Make::Netfwd, Make::Bridge, Make::Netfwd], Family::V6)
}
