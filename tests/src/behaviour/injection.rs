//! VXLAN that a container makes up itself must not enter a network (as CVE-2023-28840 and its kin let
//! it): not its own host's, by way of the gateway, and not a peer's, by way of masquerade.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use anyhow::{Result, ensure};

use crate::{
    interop::{Family, Site, Sites},
    netns::Namespace,
    packet::{BROADCAST, Ipv4, Ipv6, RawSocket, Vxlan, ether_type, ethernet},
    process,
    topology::{GATEWAY, GATEWAY_MAC, TwoHosts, VNI},
    traffic::{Ping, ping},
};

/// Time in which an injected frame would have arrived.
const NEVER: Duration = Duration::from_millis(500);
/// In which a filter is set.
const LIMIT: Duration = Duration::from_secs(10);

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

/// Notes that the programs of a host make on packets of their own.
const NOTES: [&str; 2] = [":6e66", ":6e65"];

/// Has a filter write a note on all that leaves a container.
fn notes(container: &Namespace, note: &str) -> Result<()> {
    const ANY: &str = "1,6 0 0 4294967295";
    let mut command = container.command("tc");
    let filter = "filter replace dev eth0 egress pref 1 handle 1 bpf bytecode";
    command.args(filter.split_whitespace());
    command.args([ANY, "flowid", note]);
    process::run(command, LIMIT)?.success()?;
    Ok(())
}

/// Nor with a note that only the host's programs make: who is root in a container writes `tc_index` there, by a filter of
/// its own, and the kernel keeps it between network namespaces.
pub fn nothing_gets_in_with_a_note(hosts: &TwoHosts) -> Result<()> {
    ping(&hosts.c1.ns, GATEWAY, Ping::count(1))?.complete()?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(1))?.complete()?;
    let (own, peer) = (hosts.a.vtep, hosts.b.vtep);
    hosts.c1.ns.run("tc qdisc add dev eth0 clsact")?;
    for note in NOTES {
        notes(&hosts.c1.ns, note)?;
        for (src, dst) in [(peer, own), (hosts.c1.address, peer), (own, peer)] {
            let arrived = arrives(hosts, src, dst)?;
            ensure!(!arrived, "from {src} to {dst} with {note} it got in");
        }
    }
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(5))?.complete()?;
    Ok(())
}

/// The same over IPv6, from the station of the first site to its own host's VTEP, to a peer's, and to
/// the group, also where the host forwards IPv6 for everybody.
pub fn nothing_gets_in_v6(sites: &Sites) -> Result<()> {
    let [first, second, ..] = &sites.sites[..] else {
        anyhow::bail!("two sites")
    };
    first.host.sysctl("net/ipv6/conf/all/forwarding", "1")?;
    let gateway = Ipv6Addr::new(0xfd00, 3, 0, 0, 0, 0, 0, 1);
    ping(&first.station, gateway, Ping::count(1))?.complete()?;
    ping(&first.station, second.address_v6, Ping::count(1))?.complete()?;
    let [own, peer] = [first, second].map(|site| v6(Family::V6.vtep(site.number)));
    for src in [
        first.address_v6,
        peer,
        own,
        Ipv6Addr::new(0xfd31, 0, 0, 0, 0, 0, 0, 77),
    ] {
        for dst in [gateway, own, peer, v6(Family::V6.group())] {
            let arrived = arrives_v6(sites, src, dst)?;
            ensure!(!arrived, "from {src} to {dst} it got in");
        }
    }
    ping(&first.station, second.address_v6, Ping::count(5))?.complete()?;
    Ok(())
}

fn v6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V6(address) => address,
        IpAddr::V4(address) => address.to_ipv6_mapped(),
    }
}

/// Sends the smuggled frame from the first station in VXLAN over IPv6, with a checksum and without,
/// and waits for it at every station: the first one's own host would flood it there as well.
fn arrives_v6(sites: &Sites, src: Ipv6Addr, dst: Ipv6Addr) -> Result<bool> {
    let open = |site: &Site| RawSocket::open(&site.station, site.interface);
    let sockets = sites.sites.iter().map(open).collect::<Result<Vec<_>>>()?;
    let [_, a, b, c] = VNI.to_be_bytes();
    let smuggled = smuggled();
    let payload = [&[0x08, 0, 0, 0, a, b, c, 0], &smuggled[..]].concat();
    let ip = Ipv6 { src, dst, hops: 64 };
    let from = &sites.sites[0];
    for packet in [
        ip.udp(50_000, 4789, &payload),
        ip.udp_without_checksum(50_000, 4789, &payload),
    ] {
        let frame = ethernet(GATEWAY_MAC, from.mac, ether_type::IPV6, &packet);
        open(from)?.send(&frame)?;
    }
    let is = |seen: &[u8]| seen.starts_with(&smuggled);
    let arrived = sockets.iter().map(|socket| socket.next(NEVER, is));
    Ok(arrived
        .collect::<Result<Vec<_>>>()?
        .iter()
        .any(Option::is_some))
}
