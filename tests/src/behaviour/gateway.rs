//! The gateway that every host has, with one address and one MAC.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::{
    packet::{self, BROADCAST, RawSocket, arp_reply},
    topology::{Container, GATEWAY, GATEWAY_DEVICE, GATEWAY_MAC, TwoHosts, UNDERLAY},
    traffic::{Ping, WhoAmI, ask_udp, ping},
};

/// Time in which a frame that crosses has crossed.
const NEVER: Duration = Duration::from_millis(500);

/// Containers of both hosts reach the gateway, each its own host's.
pub fn gateway_is_local(hosts: &TwoHosts) -> Result<()> {
    let server = WhoAmI::start(&hosts.b.ns, GATEWAY, 53)?;
    ping(&hosts.c1.ns, GATEWAY, Ping::count(5))?.complete()?;
    ping(&hosts.c3.ns, GATEWAY, Ping::count(5))?.complete()?;
    ensure!(ask_udp(&hosts.c3.ns, server.address)?.ip() == hosts.c3.address);
    ensure!(
        ask_udp(&hosts.c1.ns, server.address).is_err(),
        "c1 reached the other host's gateway"
    );
    Ok(())
}

/// A container that moves to the other host goes on with the gateway's MAC that it knows.
pub fn one_mac_everywhere(hosts: &TwoHosts) -> Result<()> {
    for container in [&hosts.c1, &hosts.c2, &hosts.c3, &hosts.c4] {
        ping(&container.ns, GATEWAY, Ping::count(1))?.complete()?;
        let known = gateway_of(container)?;
        let number = container.number;
        ensure!(known == GATEWAY_MAC, "c{number} has {known:x?}");
    }
    Ok(())
}

fn gateway_of(container: &Container) -> Result<packet::Mac> {
    let output = container.ns.run(&format!("ip -j neigh show {GATEWAY}"))?;
    let rows: Vec<serde_json::Value> = serde_json::from_str(&output.stdout)?;
    let mac = rows[0]["lladdr"].as_str().context("no neighbour")?;
    Ok(packet::mac(mac))
}

/// Nothing that a host's gateway says, not even to everybody, is heard by the other host.
pub fn its_announcements_stay(hosts: &TwoHosts) -> Result<()> {
    let wire = RawSocket::open(&hosts.b.ns, UNDERLAY)?;
    let near = RawSocket::open(&hosts.c2.ns, "eth0")?;
    let device = RawSocket::open(&hosts.a.ns, GATEWAY_DEVICE)?;
    let announced = arp_reply(BROADCAST, GATEWAY_MAC, GATEWAY, GATEWAY);
    device.send(&announced)?;
    let is = |seen: &[u8]| seen.ends_with(&announced);
    ensure!(near.next(NEVER, is)?.is_some(), "c2 does not hear it");
    ensure!(wire.next(NEVER, is)?.is_none(), "host b hears it");
    for container in [&hosts.c1, &hosts.c3] {
        ping(&container.ns, GATEWAY, Ping::count(3))?.complete()?;
    }
    let crossed = wire.next(NEVER, is_arp_of_gateway)?;
    ensure!(crossed.is_none(), "it crossed: {crossed:02x?}");
    Ok(())
}

/// Whether a frame on the underlay has ARP with the gateway's MAC inside.
fn is_arp_of_gateway(frame: &[u8]) -> bool {
    const OUTER: usize = 14 + 20 + 8 + 8;
    let inner = frame.get(OUTER..).unwrap_or_default();
    inner.len() > 14 && inner[6..12] == GATEWAY_MAC && inner[12..14] == [0x08, 0x06]
}
