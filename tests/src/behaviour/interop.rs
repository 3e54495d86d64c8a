//! What sites of several makes must do together.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::{
    interop::{Family, Site, Sites},
    packet::{BROADCAST, Ipv4, RawSocket, ether_type, ethernet},
    process::{TIMEOUT, eventually},
    topology::UNDERLAY,
    traffic::{Ping, ping, tcp_bulk, udp_segments},
};

/// Time in which a frame that is forwarded has arrived.
const SOON: Duration = Duration::from_secs(5);
/// Time in which a frame that is not forwarded has not arrived.
const NEVER: Duration = Duration::from_millis(300);

/// Every station reaches every other, from the first echo on, once the sites' makes are ready.
pub fn reaches(sites: &Sites) -> Result<()> {
    for (from, to) in sites.pairs() {
        let pair = || format!("site {} to site {}", from.number, to.number);
        ping(&from.station, to.address, Ping::count(10))?
            .complete()
            .with_context(pair)?;
    }
    Ok(())
}

/// Packets of the whole MTU and TCP arrive whole, both ways. The packets go first: what a bulk transfer leaves in the queues of
/// who forwards in user space may cost others their place.
pub fn carries_tcp(sites: &Sites, family: Family, octets: u64) -> Result<()> {
    takes_whole_packets(sites, family)?;
    tcp(sites, octets)
}

/// Packets of the whole MTU arrive, both ways.
pub fn takes_whole_packets(sites: &Sites, family: Family) -> Result<()> {
    for (from, to) in sites.pairs() {
        let whole = Ping::whole(family.mtu());
        ping(&from.station, to.address, whole)?.complete()?;
    }
    Ok(())
}

/// TCP arrives whole, both ways.
pub fn tcp(sites: &Sites, octets: u64) -> Result<()> {
    for (from, to) in sites.pairs() {
        let pair = || format!("site {} to site {}", from.number, to.number);
        tcp_bulk(&to.station, to.address, &from.station, octets).with_context(pair)?;
    }
    Ok(())
}

/// UDP super-packets arrive whole, both ways.
pub fn carries_udp(sites: &Sites, octets: u64) -> Result<()> {
    for (from, to) in sites.pairs() {
        let pair = || format!("site {} to site {}", from.number, to.number);
        let datagrams = udp_segments(&to.station, to.address, &from.station, octets);
        datagrams?.complete().with_context(pair)?;
    }
    Ok(())
}

/// What [`carries_tcp`] says, for IPv6 inside.
pub fn carries_v6(sites: &Sites, family: Family, octets: u64) -> Result<()> {
    takes_whole_packets_v6(sites, family)?;
    tcp_v6(sites, octets)
}

/// What [`takes_whole_packets`] says, for IPv6 inside.
pub fn takes_whole_packets_v6(sites: &Sites, family: Family) -> Result<()> {
    for (from, to) in sites.pairs() {
        // 20 octets of IPv6 header more than `Ping` reckons with.
        let whole = Ping::whole(family.mtu() - 20);
        ping(&from.station, to.address_v6, whole)?.complete()?;
    }
    Ok(())
}

/// What [`tcp`] says, for IPv6 inside.
pub fn tcp_v6(sites: &Sites, octets: u64) -> Result<()> {
    for (from, to) in sites.pairs() {
        tcp_bulk(&to.station, to.address_v6, &from.station, octets).context("TCP")?;
    }
    Ok(())
}

/// A broadcast of each station reaches each other one once.
pub fn broadcast_once(sites: &Sites) -> Result<()> {
    for from in &sites.sites {
        let others: Vec<_> = sites
            .sites
            .iter()
            .filter(|to| to.number != from.number)
            .collect();
        let sockets = others
            .iter()
            .map(|to| RawSocket::open(&to.station, to.interface))
            .collect::<Result<Vec<_>>>()?;
        let frame = probe(from);
        RawSocket::open(&from.station, from.interface)?.send(&frame)?;
        for (to, socket) in others.iter().zip(&sockets) {
            let is = |seen: &[u8]| seen.starts_with(&frame);
            let pair = format!("site {} to site {}", from.number, to.number);
            ensure!(socket.next(SOON, is)?.is_some(), "{pair}: it did not come");
            ensure!(socket.next(NEVER, is)?.is_none(), "{pair}: it came twice");
        }
    }
    Ok(())
}

/// A broadcast of this site that is like nobody else's.
pub fn probe(from: &Site) -> Vec<u8> {
    let source = from.address.to_string();
    let ip = Ipv4::new(&source, "10.0.3.255").udp(9, 9, b"a frame that is looked for");
    ethernet(BROADCAST, from.mac, ether_type::IPV4, &ip)
}

/// What a site puts on the underlay for one broadcast of its station: the frames around it.
pub fn copies_of_broadcast(from: &Site) -> Result<Vec<Vec<u8>>> {
    let underlay = RawSocket::open(&from.host, UNDERLAY)?;
    let frame = probe(from);
    RawSocket::open(&from.station, from.interface)?.send(&frame)?;
    let mut copies = Vec::new();
    while let Some(copy) = underlay.next(NEVER, |seen| seen.ends_with(&frame))? {
        copies.push(copy);
    }
    Ok(copies)
}

/// The underlay's switch hears every site join the group.
pub fn joins_are_heard(sites: &Sites, family: Family) -> Result<()> {
    for site in &sites.sites {
        let what = format!("site {} joins {}", site.number, family.group());
        eventually(&what, TIMEOUT, || {
            sites.underlay.has_heard(site.number, family.group())
        })?;
    }
    Ok(())
}
