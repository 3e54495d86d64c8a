//! What a port of netfwd's does not let through, where a bridge has nothing to compare with: floods
//! beyond a rate, bridges behind edge ports, stations that flap, forged sources.

use std::{
    net::{IpAddr, Ipv4Addr},
    thread,
    time::Duration,
};

use anyhow::{Result, ensure};

use crate::{
    packet::{BROADCAST, Ipv4, Mac, arp_reply, arp_request, ether_type, ethernet},
    process::{TIMEOUT, eventually},
    switch::{Layout, Make, PortOption, frame, station},
};

/// Above its rate a port floods nothing; known unicast and other ports are not held up.
pub fn storm() -> Result<()> {
    const RATE: u32 = 200;
    const BURST: usize = 600;
    let mut switch = Layout::ports(3)
        .port(1, PortOption::StormControl(RATE))
        .start(Make::Netfwd)?;
    switch.expect(2, &frame(BROADCAST, station(2)), &[1, 3])?;
    for _ in 0..BURST {
        switch.wire().send(1, &frame(BROADCAST, station(1)))?;
    }
    let flooded = switch.await_arrivals(1)?.len() / 2;
    println!("{flooded} of {BURST} frames were flooded at {RATE} a second");
    ensure!((1..BURST / 2).contains(&flooded));
    ensure!(switch.drops(1, "storm-control")? as usize == BURST - flooded);
    for _ in 0..50 {
        switch.wire().send(1, &frame(station(2), station(1)))?;
    }
    ensure!(
        switch.await_arrivals(50)?.len() == 50,
        "known unicast was held up"
    );
    switch.expect(2, &frame(BROADCAST, station(2)), &[1, 3])?;
    thread::sleep(Duration::from_secs(1));
    switch.expect(1, &frame(BROADCAST, station(1)), &[2, 3])
}

/// A BPDU shuts an edge port for both directions, and a person opens it again; on other ports BPDUs change nothing.
pub fn bpdu() -> Result<()> {
    const BRIDGES: Mac = [0x01, 0x80, 0xc2, 0, 0, 0];
    let mut switch = Layout::ports(3)
        .port(1, PortOption::Edge)
        .start(Make::Netfwd)?;
    for port in [1, 2] {
        switch.expect(port, &frame(BRIDGES, station(port as u16)), &[])?;
    }
    switch.expect(1, &frame(BROADCAST, station(1)), &[])?;
    ensure!(switch.drops(1, "port-shut")? == 1);
    // The daemon takes it out of the flood list.
    eventually("nothing goes to a port that is shut", TIMEOUT, || {
        let arrivals = switch.send(2, &frame(BROADCAST, station(2)))?;
        Ok(arrivals.iter().all(|arrival| arrival.port == 3))
    })?;
    switch.netfwd()?.cli("port set p1 --up")?;
    switch.expect(1, &frame(BROADCAST, station(1)), &[2, 3])
}

/// A station that moves to and fro is held where it was, and what it sends elsewhere is dropped; others
/// are not touched.
pub fn flapping() -> Result<()> {
    let mut switch = Layout::ports(3).start(Make::Netfwd)?;
    for port in [1, 2].into_iter().cycle().take(12) {
        switch.wire().send(port, &frame(BROADCAST, station(9)))?;
    }
    switch.settle()?;
    ensure!(switch.drops(1, "flapping")? + switch.drops(2, "flapping")? > 0);
    let held = switch.stations()?[&station(9)];
    let elsewhere = 3 - held;
    switch.expect(elsewhere, &frame(BROADCAST, station(9)), &[])?;
    switch.expect(3, &frame(station(9), station(3)), &[held])?;
    switch.expect(elsewhere, &frame(BROADCAST, station(1)), &[held, 3])
}

/// From a port that is bound to a station only that station's MAC and addresses pass, in Ethernet, ARP
/// and IPv4.
pub fn forged_sources() -> Result<()> {
    let own = Ipv4Addr::new(10, 9, 0, 1);
    let foreign = Ipv4Addr::new(10, 9, 0, 2);
    let mut switch = Layout::ports(3)
        .port(1, PortOption::AntiSpoof)
        .port(1, PortOption::Station(station(1), vec![IpAddr::V4(own)]))
        .start(Make::Netfwd)?;
    for (message, reason) in [
        (packet(station(1), own), None),
        (arp_request(station(1), own, foreign), None),
        (arp_request(station(1), Ipv4Addr::UNSPECIFIED, own), None),
        (packet(station(2), own), Some("spoofed-mac")),
        (packet(station(1), foreign), Some("spoofed-ip")),
        (arp_request(station(1), foreign, own), Some("spoofed-arp")),
        (
            arp_reply(BROADCAST, station(1), foreign, own),
            Some("spoofed-arp"),
        ),
    ] {
        let ports: &[usize] = if reason.is_none() { &[2, 3] } else { &[] };
        let before = reason.map_or(Ok(0), |reason| switch.drops(1, reason))?;
        switch.expect(1, &message, ports)?;
        let after = reason.map_or(Ok(1), |reason| switch.drops(1, reason))?;
        ensure!(after == before + 1, "{reason:?} was not counted");
    }
    switch.expect(2, &packet(station(2), foreign), &[1, 3])
}

fn packet(src: Mac, from: Ipv4Addr) -> Vec<u8> {
    let ip = Ipv4::between(from, Ipv4Addr::new(10, 9, 0, 9)).udp(1000, 2000, b"whose is it?");
    ethernet(BROADCAST, src, ether_type::IPV4, &ip)
}
