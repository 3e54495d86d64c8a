//! Containers reach the outside with their host's address.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Result, ensure};

use crate::{
    topology::{Container, Host, OUTSIDE, TwoHosts},
    traffic::{Ping, WhoAmI, ask_tcp, ask_udp, ping, tcp_bulk, udp_segments, udp_socket, whoami},
};

/// An l4 port of the server.
const PORT: u16 = 7000;

fn pairs(hosts: &TwoHosts) -> [(&Host, &Container); 4] {
    let TwoHosts {
        a,
        b,
        c1,
        c2,
        c3,
        c4,
        ..
    } = hosts;
    [(a, c1), (a, c2), (b, c3), (b, c4)]
}

/// Echoes to the outside come back.
pub fn echo(hosts: &TwoHosts) -> Result<()> {
    for (_, container) in pairs(hosts) {
        ping(&container.ns, OUTSIDE, Ping::count(10))?.complete()?;
    }
    Ok(())
}

/// The server sees the host's address, by UDP.
pub fn udp(hosts: &TwoHosts) -> Result<()> {
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, PORT)?;
    for (host, container) in pairs(hosts) {
        let seen = ask_udp(&container.ns, server.address)?;
        ensure!(
            seen.ip() == host.address,
            "c{} is seen as {seen}",
            container.number
        );
    }
    Ok(())
}

/// The server sees the host's address, by TCP.
pub fn tcp(hosts: &TwoHosts) -> Result<()> {
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, PORT)?;
    for (host, container) in pairs(hosts) {
        let seen = ask_tcp(&container.ns, server.address)?;
        ensure!(
            seen.ip() == host.address,
            "c{} is seen as {seen}",
            container.number
        );
    }
    Ok(())
}

/// Flows of two containers from one l4 port to one server are told apart.
pub fn same_port_of_two_containers(hosts: &TwoHosts) -> Result<()> {
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, PORT)?;
    let mut seen = BTreeSet::new();
    for container in [&hosts.c1, &hosts.c2] {
        seen.insert(ask_from(container, 40_000, server.address)?);
    }
    ensure!(seen.len() == 2, "both are seen as {seen:?}");
    Ok(())
}

fn ask_from(container: &Container, port: u16, server: SocketAddr) -> Result<SocketAddr> {
    whoami(&udp_socket(&container.ns, server, port)?)
}

/// TCP bulk to the outside arrives whole, and from the outside's server too.
pub fn tcp_bulk_out(hosts: &TwoHosts) -> Result<()> {
    let transfer = tcp_bulk(&hosts.outside, OUTSIDE, &hosts.c1.ns, 100_000_000)?;
    ensure!(transfer.client.ip() == hosts.a.address);
    println!("masqueraded TCP bulk: {:.2} Gbit/s", transfer.rate() / 1e9);
    Ok(())
}

/// UDP super-packets to the outside arrive whole.
pub fn udp_segment_out(hosts: &TwoHosts) -> Result<()> {
    udp_segments(&hosts.outside, OUTSIDE, &hosts.c2.ns, 10_000_000)?.complete()?;
    Ok(())
}

/// Many connections at once all work, each by an l4 port of its own.
pub fn many_connections(hosts: &TwoHosts) -> Result<()> {
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, PORT)?;
    let mut seen = BTreeSet::new();
    for _ in 0..200 {
        seen.insert(ask_udp(&hosts.c1.ns, server.address)?);
    }
    ensure!(
        seen.iter()
            .all(|address| address.ip() == IpAddr::from(hosts.a.address)),
        "{seen:?}"
    );
    Ok(())
}

/// The outside cannot reach a container by the container's own address.
pub fn outside_has_no_way_in(hosts: &TwoHosts) -> Result<()> {
    let server = WhoAmI::start(&hosts.c1.ns, hosts.c1.address, PORT)?;
    ensure!(ask_udp(&hosts.outside, server.address).is_err());
    Ok(())
}
