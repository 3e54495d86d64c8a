//! Two containers and the gateway on one host.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::{
    packet::{self, BROADCAST, Ipv4, Mac, RawSocket, ether_type, ethernet},
    topology::{GATEWAY, GATEWAY_DEVICE, MTU, TwoHosts},
    traffic::{Ping, WhoAmI, ask_tcp, ask_udp, ping, tcp_bulk},
};

/// Time in which a frame that is forwarded has arrived.
const SOON: Duration = Duration::from_secs(2);
/// Time in which a frame that is not forwarded has not arrived.
const NEVER: Duration = Duration::from_millis(200);

/// Containers reach each other and no echo is lost or doubled, the first one included.
pub fn ping_both_ways(hosts: &TwoHosts) -> Result<()> {
    ping(&hosts.c1.ns, hosts.c2.address, Ping::count(20))?.complete()?;
    ping(&hosts.c2.ns, hosts.c1.address, Ping::count(20))?.complete()?;
    Ok(())
}

/// A packet of the whole MTU passes with DF, one octet more does not.
pub fn full_mtu(hosts: &TwoHosts) -> Result<()> {
    ping(&hosts.c1.ns, hosts.c2.address, Ping::whole(MTU))?.complete()?;
    ping(&hosts.c1.ns, hosts.c2.address, Ping::whole(MTU + 1))?.none()?;
    Ok(())
}

/// Containers reach the gateway, and the host reaches them.
pub fn gateway(hosts: &TwoHosts) -> Result<()> {
    ping(&hosts.c1.ns, GATEWAY, Ping::count(10))?.complete()?;
    ping(&hosts.a.ns, hosts.c2.address, Ping::count(10))?.complete()?;
    ensure!(
        hosts
            .a
            .ns
            .interfaces()?
            .iter()
            .any(|name| name == GATEWAY_DEVICE)
    );
    Ok(())
}

/// A service on the host's gateway device answers containers, by TCP and UDP.
pub fn host_service(hosts: &TwoHosts) -> Result<()> {
    let server = WhoAmI::start(&hosts.a.ns, GATEWAY, 53)?;
    ensure!(ask_udp(&hosts.c1.ns, server.address)?.ip() == hosts.c1.address);
    ensure!(ask_tcp(&hosts.c2.ns, server.address)?.ip() == hosts.c2.address);
    Ok(())
}

/// TCP bulk from container to container arrives whole.
pub fn tcp(hosts: &TwoHosts) -> Result<()> {
    let transfer = tcp_bulk(&hosts.c2.ns, hosts.c2.address, &hosts.c1.ns, 100_000_000)?;
    ensure!(transfer.client.ip() == hosts.c1.address);
    println!("local TCP bulk: {:.2} Gbit/s", transfer.rate() / 1e9);
    Ok(())
}

/// Broadcast reaches every other port once, and never goes back.
pub fn broadcast_reaches_all_but_the_sender(hosts: &TwoHosts) -> Result<()> {
    let there = RawSocket::open(&hosts.c2.ns, "eth0")?;
    let gateway = RawSocket::open(&hosts.a.ns, GATEWAY_DEVICE)?;
    let here = RawSocket::open(&hosts.c1.ns, "eth0")?;
    let frame = marked(BROADCAST, hosts.c1.mac, 1);
    here.send(&frame)?;
    ensure!(
        there.next(SOON, |seen| is(seen, &frame))?.is_some(),
        "not at the other port"
    );
    ensure!(
        gateway.next(SOON, |seen| is(seen, &frame))?.is_some(),
        "not at the gateway"
    );
    ensure!(
        there.next(NEVER, |seen| is(seen, &frame))?.is_none(),
        "twice at the other port"
    );
    // The socket sees what it sent itself only as outgoing, once, if at all.
    let echoes = std::iter::from_fn(|| here.next(NEVER, |seen| is(seen, &frame)).ok()?).count();
    ensure!(echoes <= 1, "the frame came back to its sender");
    Ok(())
}

/// Known unicast reaches its port alone.
pub fn unicast_reaches_one_port(hosts: &TwoHosts) -> Result<()> {
    ping(&hosts.c1.ns, GATEWAY, Ping::count(1))?.complete()?;
    ping(&hosts.c2.ns, hosts.c1.address, Ping::count(1))?.complete()?;
    let bystander = RawSocket::open(&hosts.a.ns, GATEWAY_DEVICE)?;
    let receiver = RawSocket::open(&hosts.c1.ns, "eth0")?;
    let frame = marked(hosts.c1.mac, hosts.c2.mac, 2);
    RawSocket::open(&hosts.c2.ns, "eth0")?.send(&frame)?;
    ensure!(
        receiver.next(SOON, |seen| is(seen, &frame))?.is_some(),
        "not at its port"
    );
    ensure!(
        bystander.next(NEVER, |seen| is(seen, &frame))?.is_none(),
        "at the gateway too"
    );
    Ok(())
}

/// Frames to 01:80:C2:00:00:0E stay on their link.
pub fn link_local_stays(hosts: &TwoHosts) -> Result<()> {
    let there = RawSocket::open(&hosts.c2.ns, "eth0")?;
    let frame = ethernet(
        packet::mac("01:80:c2:00:00:0e"),
        hosts.c1.mac,
        0x88cc,
        &[0; 46],
    );
    RawSocket::open(&hosts.c1.ns, "eth0")?.send(&frame)?;
    let seen = there.next(NEVER, |seen| seen[..6] == frame[..6])?;
    ensure!(seen.is_none(), "it was forwarded");
    Ok(())
}

/// A station that moves to another port is found there by its first frame.
pub fn moved_station_is_found(hosts: &TwoHosts) -> Result<()> {
    let station: Mac = [0x02, 0, 0, 0, 0xee, 1];
    let [c1, c2] = [&hosts.c1, &hosts.c2].map(|c| RawSocket::open(&c.ns, "eth0"));
    let (c1, c2) = (c1?, c2?);
    c1.send(&marked(BROADCAST, station, 3))?;
    c2.send(&marked(BROADCAST, station, 4))?;
    let to_station = marked(station, hosts.c1.mac, 5);
    c1.send(&to_station)?;
    ensure!(
        c2.next(SOON, |seen| is(seen, &to_station))?.is_some(),
        "not at its new port"
    );
    Ok(())
}

/// A UDP packet to nobody's address, told apart by `mark`.
fn marked(dst: Mac, src: Mac, mark: u16) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.250", "10.0.3.251").udp(9, mark, b"a frame that is looked for");
    ethernet(dst, src, ether_type::IPV4, &ip)
}

/// Whether a captured frame is this one; a wire may have padded it.
fn is(seen: &[u8], frame: &[u8]) -> bool {
    seen.starts_with(frame)
}
