//! An MTU is never a black hole: who sends too much is told, and TCP arrives whole whatever a container
//! believes of its link.

use std::net::{IpAddr, Ipv6Addr};

use anyhow::{Context, Result, ensure};

use crate::{
    capture::Capture,
    netns::Namespace,
    process::{TIMEOUT, eventually},
    topology::{Container, GATEWAY_DEVICE, Host, MTU, OUTSIDE, Stack, TwoHosts, UPLINK, VNI},
    traffic::tcp_bulk,
};

/// The MTU that containers believe in here.
const BELIEVED: usize = 1500;
/// Octets of a transfer: some thousand full packets.
const BYTES: u64 = 5_000_000;

/// Has `c2` and `c4` believe in a larger MTU than the network has. A kernel twin's devices take such
/// frames as well, so that its vxlan gets to see what does not fit: its bridge drops in silence what its
/// port does not take.
pub fn believe(hosts: &TwoHosts) -> Result<()> {
    for (host, container) in [(&hosts.a, &hosts.c2), (&hosts.b, &hosts.c4)] {
        let end = container.host_end();
        host.ns.ip(&format!("link set {end} mtu {BELIEVED}"))?;
        if host.stack() == Stack::Kernel {
            widen(host)?;
        }
        let number = container.number;
        container.ns.ip(&format!(
            "link set eth0 mtu {BELIEVED}
             addr add fd00:3::{number}/64 dev eth0 nodad"
        ))?;
    }
    Ok(())
}

/// Makes the vxlan device of a kernel twin anew, on no device: on one it takes no MTU beyond what fits.
fn widen(host: &Host) -> Result<()> {
    let (local, peer) = (host.vtep, 3 - host.number);
    host.ns.ip(&format!(
        "link del vx0
         link add vx0 mtu {BELIEVED} type vxlan id {VNI} dstport 4789 local {local} noudpcsum
         link set vx0 master {GATEWAY_DEVICE}
         link set vx0 up
         link set {GATEWAY_DEVICE} mtu {BELIEVED}"
    ))?;
    host.ns.run(&format!(
        "bridge fdb append 00:00:00:00:00:00 dev vx0 dst 172.31.0.{peer}"
    ))?;
    Ok(())
}

/// The IPv6 address that [`believe`] gives a container.
fn v6(container: &Container) -> Ipv6Addr {
    Ipv6Addr::new(0xfd00, 3, 0, 0, 0, 0, 0, container.number.into())
}

/// Sends echoes of a whole packet that must not be fragmented, and says what ping said.
fn echo(from: &Namespace, to: IpAddr, octets: usize) -> Result<String> {
    let headers = if to.is_ipv6() { 48 } else { 28 };
    let size = octets - headers;
    let line = format!("ping -n -c 2 -i 0.2 -W 1 -M do -s {size} {to}");
    Ok(from.attempt(&line)?.stdout)
}

/// What a namespace knows of its route to an address.
fn route(from: &Namespace, to: IpAddr) -> Result<String> {
    Ok(from.run(&format!("ip route get {to}"))?.stdout)
}

/// Has a container send a packet that is too big, and looks for the MTU that it is told.
pub fn told(from: &Container, to: IpAddr, mtu: usize) -> Result<()> {
    let said = echo(&from.ns, to, BELIEVED)?;
    let route = route(&from.ns, to)?;
    ensure!(
        route.contains(&format!(" mtu {mtu}")),
        "the route to {to} has another MTU than {mtu}: {route}{said}"
    );
    let fits = echo(&from.ns, to, mtu)?;
    ensure!(
        fits.contains("2 received"),
        "{mtu} octets do not fit: {fits}"
    );
    Ok(())
}

/// Who sends one packet too big over IPv4 is told the network's MTU.
pub fn ipv4_senders_are_told(hosts: &TwoHosts) -> Result<()> {
    believe(hosts)?;
    told(&hosts.c2, hosts.c4.address.into(), MTU)?;
    told(&hosts.c4, hosts.c2.address.into(), MTU)
}

/// The same over IPv6.
pub fn ipv6_senders_are_told(hosts: &TwoHosts) -> Result<()> {
    believe(hosts)?;
    told(&hosts.c2, v6(&hosts.c4).into(), MTU)?;
    told(&hosts.c4, v6(&hosts.c2).into(), MTU)
}

/// The error is what the kernel's vxlan would send: from the destination, of 576 and of 1280 octets.
pub fn errors_are_the_kernels(hosts: &TwoHosts) -> Result<()> {
    believe(hosts)?;
    let (c2, to) = (&hosts.c2, &hosts.c4);
    let capture = Capture::start(&c2.ns, "eth0", "icmp[0] == 3 or icmp6")?;
    echo(&c2.ns, to.address.into(), BELIEVED)?;
    echo(&c2.ns, v6(to).into(), BELIEVED)?;
    let columns = [
        "ip.src",
        "ip.len",
        "icmp.type",
        "icmp.code",
        "icmp.mtu",
        "icmp.checksum.status",
        "ipv6.src",
        "ipv6.plen",
        "icmpv6.type",
        "icmpv6.mtu",
        "icmpv6.checksum.status",
    ];
    let seen = capture.fields(&columns)?;
    let v4 = seen
        .iter()
        .find(|row| first(&row[2]) == "3")
        .context("no ICMP error")?;
    let octets = v4[..6].iter().map(|field| first(field)).collect::<Vec<_>>();
    ensure!(
        octets == [&to.address.to_string(), "576", "3", "4", "1450", "1"],
        "{v4:?}"
    );
    let v6_error = seen
        .iter()
        .find(|row| first(&row[8]) == "2")
        .context("no ICMPv6 error")?;
    let octets = v6_error[6..]
        .iter()
        .map(|field| first(field))
        .collect::<Vec<_>>();
    ensure!(
        octets == [&v6(to).to_string(), "1240", "2", "1450", "1"],
        "{v6_error:?}"
    );
    Ok(())
}

/// What a field says of the outermost header; the quote has the same fields.
fn first(field: &str) -> &str {
    field.split(',').next().unwrap_or(field)
}

/// TCP of both families arrives whole, both ways.
pub fn tcp(hosts: &TwoHosts) -> Result<()> {
    believe(hosts)?;
    both_ways(hosts)
}

fn both_ways(hosts: &TwoHosts) -> Result<()> {
    let (c2, c4) = (&hosts.c2, &hosts.c4);
    for (server, client) in [(c4, c2), (c2, c4)] {
        let v4: IpAddr = server.address.into();
        for address in [v4, v6(server).into()] {
            tcp_bulk(&server.ns, address, &client.ns, BYTES)
                .with_context(|| format!("c{} to {address}", client.number))?;
        }
    }
    Ok(())
}

/// The same where containers send without DF, as a sender without path MTU discovery does.
pub fn tcp_without_df(hosts: &TwoHosts) -> Result<()> {
    believe(hosts)?;
    for container in [&hosts.c2, &hosts.c4] {
        container.ns.sysctl("net/ipv4/ip_no_pmtu_disc", "1")?;
    }
    both_ways(hosts)
}

/// The same where containers let no ICMP in.
pub fn tcp_without_icmp(hosts: &TwoHosts) -> Result<()> {
    believe(hosts)?;
    for container in [&hosts.c2, &hosts.c4] {
        container.ns.nft(
            "table inet deaf {
                 chain in {
                     type filter hook input priority 0;
                     icmp type destination-unreachable drop
                     icmpv6 type packet-too-big drop
                 }
             }",
        )?;
    }
    both_ways(hosts)
}

/// A router on the underlay whose MTU is smaller: its error to the host is what containers learn from.
pub fn underlay_router(hosts: &TwoHosts, mtu: usize) -> Result<()> {
    believe(hosts)?;
    let to = hosts.c4.address.into();
    // The first packets teach the host, and the next ones the container.
    eventually("the smaller MTU is told", TIMEOUT, || {
        echo(&hosts.c2.ns, to, MTU)?;
        Ok(route(&hosts.c2.ns, to)?.contains(&format!(" mtu {mtu}")))
    })?;
    told(&hosts.c2, to, mtu)?;
    told(&hosts.c2, v6(&hosts.c4).into(), mtu)?;
    both_ways(hosts)
}

/// Underlay and network of jumbo frames: what netfwd makes has the larger MTU by itself.
pub fn jumbo(hosts: &TwoHosts, mtu: usize) -> Result<()> {
    let (c1, c3) = (&hosts.c1, &hosts.c3);
    let to: IpAddr = c3.address.into();
    let said = echo(&c1.ns, to, mtu)?;
    ensure!(
        said.contains("2 received"),
        "{mtu} octets do not fit: {said}"
    );
    let said = echo(&c1.ns, to, mtu + 1)?;
    ensure!(!said.contains("2 received"), "{mtu} octets and one fit");
    tcp_bulk(&c3.ns, to, &c1.ns, 10 * BYTES)?;
    tcp_bulk(&c1.ns, c1.address, &c3.ns, 10 * BYTES)?;
    // The way outside is narrower.
    echo(&c1.ns, OUTSIDE.into(), mtu)?;
    let route = route(&c1.ns, OUTSIDE.into())?;
    ensure!(route.contains(" mtu 1500"), "{route}");
    tcp_bulk(&hosts.outside, OUTSIDE, &c1.ns, BYTES)?;
    Ok(())
}

/// A packet that the way outside does not take is refused by the gateway, as by a router.
pub fn the_gateway_tells(hosts: &TwoHosts) -> Result<()> {
    const OUTSIDE_MTU: usize = 1400;
    for host in [&hosts.a, &hosts.b] {
        host.ns.ip(&format!(
            "route replace {OUTSIDE} dev {UPLINK} mtu lock {OUTSIDE_MTU}"
        ))?;
    }
    let c1 = &hosts.c1;
    let said = echo(&c1.ns, OUTSIDE.into(), MTU)?;
    ensure!(said.contains("From 10.0.3.1 "), "not the gateway: {said}");
    let route = route(&c1.ns, OUTSIDE.into())?;
    ensure!(route.contains(" mtu 1400"), "{route}{said}");
    let fits = echo(&c1.ns, OUTSIDE.into(), OUTSIDE_MTU)?;
    ensure!(fits.contains("2 received"), "{fits}");
    tcp_bulk(&hosts.outside, OUTSIDE, &c1.ns, BYTES)?;
    Ok(())
}
