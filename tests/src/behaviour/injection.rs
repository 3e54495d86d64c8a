//! VXLAN that a container makes up itself must not enter a network (as CVE-2023-28840 and its kin let
//! it): not its own host's, by way of the gateway, and not a peer's, by way of masquerade.

use std::{net::Ipv4Addr, time::Duration};

use anyhow::{Result, ensure};

use crate::{
    packet::{BROADCAST, Ipv4, RawSocket, Vxlan, ether_type, ethernet},
    topology::{GATEWAY, GATEWAY_MAC, TwoHosts, VNI},
    traffic::{Ping, ping},
};

/// Time in which an injected frame would have arrived.
const NEVER: Duration = Duration::from_millis(500);

/// A frame that nobody else sends.
fn smuggled() -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.250", "10.0.3.251").udp(9, 9, b"smuggled in");
    ethernet(BROADCAST, [2, 0, 0, 0, 0xba, 1], ether_type::IPV4, &ip)
}

/// Sends the smuggled frame from `c1` in VXLAN between two addresses, and waits for it at `c2` and `c3`.
fn arrives(hosts: &TwoHosts, src: Ipv4Addr, dst: Ipv4Addr) -> Result<bool> {
    let [c2, c3] = [&hosts.c2, &hosts.c3].map(|c| RawSocket::open(&c.ns, "eth0"));
    let (c2, c3) = (c2?, c3?);
    let outer = Vxlan::new(src, dst, VNI).macs(hosts.c1.mac, GATEWAY_MAC);
    let smuggled = smuggled();
    RawSocket::open(&hosts.c1.ns, "eth0")?.send(&outer.wrap(&smuggled))?;
    let is = |seen: &[u8]| seen.starts_with(&smuggled);
    Ok(c2.next(NEVER, is)?.is_some() || c3.next(NEVER, is)?.is_some())
}

/// With any source and destination that a container can write.
pub fn nothing_gets_in(hosts: &TwoHosts) -> Result<()> {
    // Neighbours are resolved, so that whatever is wrongly forwarded arrives in time.
    ping(&hosts.c1.ns, GATEWAY, Ping::count(1))?.complete()?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(1))?.complete()?;
    let (own, peer) = (hosts.a.vtep, hosts.b.vtep);
    for src in [hosts.c1.address, peer, own, Ipv4Addr::new(172, 31, 0, 77)] {
        for dst in [GATEWAY, own, peer, hosts.a.address] {
            ensure!(!arrives(hosts, src, dst)?, "from {src} to {dst} it got in");
        }
    }
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(5))?.complete()?;
    Ok(())
}
