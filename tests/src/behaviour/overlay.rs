//! Containers of two hosts, over VXLAN.

use std::{net::Ipv6Addr, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::{
    capture::Capture,
    packet::{BROADCAST, Ipv4, RawSocket, ether_type, ethernet},
    topology::{MTU, TwoHosts, UNDERLAY, VNI},
    traffic::{Ping, WhoAmI, ask_udp, ping, tcp_bulk, udp_segments},
};

/// Every container of one host reaches every one of the other, from the first echo on.
pub fn ping_all(hosts: &TwoHosts) -> Result<()> {
    for from in [&hosts.c1, &hosts.c2] {
        for to in [&hosts.c3, &hosts.c4] {
            let pair = || format!("c{} to c{}", from.number, to.number);
            ping(&from.ns, to.address, Ping::count(10))?
                .complete()
                .with_context(pair)?;
        }
    }
    ping(&hosts.c4.ns, hosts.c2.address, Ping::count(10))?.complete()?;
    Ok(())
}

/// A packet of the whole MTU crosses with DF, one octet more does not.
pub fn full_mtu(hosts: &TwoHosts) -> Result<()> {
    ping(&hosts.c1.ns, hosts.c3.address, Ping::whole(MTU))?.complete()?;
    ping(&hosts.c4.ns, hosts.c2.address, Ping::whole(MTU))?.complete()?;
    ping(&hosts.c1.ns, hosts.c3.address, Ping::whole(MTU + 1))?.none()?;
    Ok(())
}

/// Packets that the sender fragments arrive whole.
pub fn fragments(hosts: &TwoHosts) -> Result<()> {
    let large = Ping {
        size: 5000,
        ..Ping::default()
    };
    ping(&hosts.c1.ns, hosts.c3.address, large)?.complete()?;
    ping(&hosts.c3.ns, hosts.c1.address, large)?.complete()?;
    Ok(())
}

/// TCP bulk arrives whole in both directions.
pub fn tcp(hosts: &TwoHosts) -> Result<()> {
    let there = tcp_bulk(&hosts.c3.ns, hosts.c3.address, &hosts.c1.ns, 100_000_000)?;
    let back = tcp_bulk(&hosts.c1.ns, hosts.c1.address, &hosts.c3.ns, 100_000_000)?;
    ensure!(
        there.client.ip() == hosts.c1.address,
        "translated within the network"
    );
    ensure!(
        back.client.ip() == hosts.c3.address,
        "translated within the network"
    );
    println!(
        "TCP bulk: {:.2} and {:.2} Gbit/s",
        there.rate() / 1e9,
        back.rate() / 1e9
    );
    Ok(())
}

/// 10,000,000 octets over UDP with UDP_SEGMENT arrive whole in both directions.
pub fn udp_segment(hosts: &TwoHosts) -> Result<()> {
    udp_segments(&hosts.c3.ns, hosts.c3.address, &hosts.c1.ns, 10_000_000)?.complete()?;
    udp_segments(&hosts.c2.ns, hosts.c2.address, &hosts.c4.ns, 10_000_000)?.complete()?;
    Ok(())
}

/// IPv6 crosses as IPv4 does: packets of the whole MTU, TCP bulk and UDP_SEGMENT, in both directions.
pub fn ipv6(hosts: &TwoHosts) -> Result<()> {
    // 20 octets of IPv6 header more than `Ping` reckons with.
    let whole = Ping::whole(MTU - 20);
    let [c1, c3] = [(&hosts.c1, 0x11), (&hosts.c3, 0x13)].map(|(container, last)| {
        let address = Ipv6Addr::new(0xfd00, 3, 0, 0, 0, 0, 0, last);
        let added = format!("addr add {address}/64 dev eth0 nodad");
        container.ns.ip(&added).map(|()| (&container.ns, address))
    });
    let (c1, c3) = (c1?, c3?);
    for ((from, _), (to, address)) in [(c1, c3), (c3, c1)] {
        ping(from, address, whole)?.complete()?;
        tcp_bulk(to, address, from, 50_000_000)?;
        udp_segments(to, address, from, 5_000_000)?.complete()?;
    }
    Ok(())
}

/// What is on the underlay is VXLAN as RFC 7348 has it: port 4789, the I flag alone, the VNI, no UDP
/// checksum, and source ports that differ by flow.
pub fn wire_format(hosts: &TwoHosts) -> Result<()> {
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(1))?.complete()?;
    let server = WhoAmI::start(&hosts.c3.ns, hosts.c3.address, 7)?;
    let capture = Capture::start(&hosts.a.ns, UNDERLAY, "udp port 4789")?;
    for _ in 0..8 {
        ask_udp(&hosts.c1.ns, server.address)?;
    }
    ping(&hosts.c1.ns, hosts.c3.address, Ping::count(2))?.complete()?;
    let columns = [
        "udp.dstport",
        "vxlan.flags",
        "vxlan.vni",
        "udp.checksum",
        "udp.srcport",
    ];
    let frames = capture.fields(&columns)?;
    ensure!(frames.len() >= 20, "{} frames", frames.len());
    let mut sources = std::collections::BTreeSet::new();
    for frame in &frames {
        ensure!(first(&frame[0]) == "4789", "{frame:?}");
        ensure!(frame[1] == "0x0800", "{frame:?}");
        ensure!(frame[2] == VNI.to_string(), "{frame:?}");
        ensure!(first(&frame[3]) == "0x0000", "{frame:?}");
        let source: u16 = first(&frame[4]).parse()?;
        sources.insert(source);
    }
    ensure!(
        sources.len() > 2,
        "flows are not spread over source ports: {sources:?}"
    );
    Ok(())
}

fn first(field: &str) -> &str {
    field.split(',').next().unwrap_or(field)
}

/// Broadcast of one host's container reaches each container of the other once.
pub fn broadcast_crosses_once(hosts: &TwoHosts) -> Result<()> {
    let [c3, c4] = [&hosts.c3, &hosts.c4].map(|c| RawSocket::open(&c.ns, "eth0"));
    let (c3, c4) = (c3?, c4?);
    let ip = Ipv4::new("10.0.3.250", "10.0.3.255").udp(9, 9, b"a frame that is looked for");
    let frame = ethernet(BROADCAST, hosts.c1.mac, ether_type::IPV4, &ip);
    RawSocket::open(&hosts.c1.ns, "eth0")?.send(&frame)?;
    for socket in [&c3, &c4] {
        let is = |seen: &[u8]| seen.starts_with(&frame);
        ensure!(
            socket.next(Duration::from_secs(2), is)?.is_some(),
            "it did not come"
        );
        ensure!(
            socket.next(Duration::from_millis(200), is)?.is_none(),
            "it came twice"
        );
    }
    Ok(())
}
