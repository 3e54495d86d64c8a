//! The outside reaches containers by published ports.

use std::net::SocketAddr;

use anyhow::{Result, ensure};

use crate::{
    topology::{OUTSIDE, TwoHosts},
    traffic::{WhoAmI, ask_tcp, ask_udp},
};

/// A published TCP port reaches its container, which sees the client's own address.
pub fn tcp(hosts: &TwoHosts) -> Result<()> {
    let _server = WhoAmI::start(&hosts.c1.ns, hosts.c1.address, 80)?;
    for _ in 0..5 {
        let seen = ask_tcp(&hosts.outside, (hosts.a.address, 8080))?;
        ensure!(seen.ip() == OUTSIDE, "the container saw {seen}");
    }
    Ok(())
}

/// A published UDP port reaches its container, and the answer comes from the published port.
pub fn udp(hosts: &TwoHosts) -> Result<()> {
    let _server = WhoAmI::start(&hosts.c1.ns, hosts.c1.address, 53)?;
    for _ in 0..5 {
        let seen = ask_udp(&hosts.outside, (hosts.a.address, 5353))?;
        ensure!(seen.ip() == OUTSIDE, "the container saw {seen}");
    }
    Ok(())
}

/// A port that is not published is the host's own: refused, or answered by the host's service.
pub fn other_ports_are_the_hosts(hosts: &TwoHosts) -> Result<()> {
    let closed = SocketAddr::from((hosts.a.address, 8081));
    ensure!(ask_tcp(&hosts.outside, closed).is_err());
    let service = WhoAmI::start(&hosts.a.ns, hosts.a.address, 8082)?;
    ensure!(ask_tcp(&hosts.outside, service.address)?.ip() == OUTSIDE);
    ensure!(ask_udp(&hosts.outside, service.address)?.ip() == OUTSIDE);
    Ok(())
}

/// The container behind a published port still reaches the outside by masquerade.
pub fn published_container_goes_out(hosts: &TwoHosts) -> Result<()> {
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, 7000)?;
    ensure!(ask_tcp(&hosts.c1.ns, server.address)?.ip() == hosts.a.address);
    Ok(())
}
