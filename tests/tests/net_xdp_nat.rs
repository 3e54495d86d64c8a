//! NAT with `xdp = "native"` on a veth uplink: what arrives from outside in sessions that stand is translated by XDP.
//! A veth hands partial checksums to XDP, which a redirect loses, so the server computes its own here, as it would
//! have before a wire.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::{
    process::{TIMEOUT, eventually},
    topology::{OUTSIDE, Options, Stack, TwoHosts, UPLINK, offload},
    traffic::{
        Ping, WhoAmI, ask_tcp, ask_udp, download, iperf, ping, tcp_bulk, udp_socket, whoami,
    },
};

fn hosts() -> Result<TwoHosts> {
    let hosts = Options::both(Stack::Netfwd).xdp("native").start()?;
    offload(&hosts.outside, "host1", "tx off")?;
    offload(&hosts.a.ns, UPLINK, "gro on")?;
    Ok(hosts)
}

/// Frames that XDP on the uplink to the outside has redirected.
fn redirected(hosts: &TwoHosts) -> Result<u64> {
    let statistics = hosts.a.ns.run(&format!("ethtool -S {UPLINK}"))?.stdout;
    let counts = statistics.lines().filter_map(|line| {
        let (name, count) = line.trim().split_once(": ")?;
        let is_redirect = name.starts_with("rx_queue_") && name.ends_with("_xdp_redirect");
        is_redirect.then(|| count.parse::<u64>().ok()).flatten()
    });
    Ok(counts.sum())
}

fn number(object: &Value, field: &str) -> Result<u64> {
    let found = object[field].as_f64();
    let number = found.with_context(|| format!("no {field} in {object}"))?;
    Ok(number as u64)
}

/// Frames that went to the port of the container `c1`.
fn sent_to_c1(hosts: &mut TwoHosts) -> Result<u64> {
    let mac = hosts.c1.mac_text();
    let netfwd = hosts.a.netfwd()?;
    let station = netfwd.object("fdb show", "mac", &mac)?;
    let port = station["port"].as_str().context("it has a port")?;
    number(
        &netfwd.object("port show", "interface", port)?,
        "tx_packets",
    )
}

#[test]
fn the_uplink_has_native_xdp() -> Result<()> {
    let mut hosts = hosts()?;
    let status = hosts.a.netfwd()?.json("status")?;
    let text: String = status.iter().map(ToString::to_string).collect();
    ensure!(text.contains("xdp-native"), "{text}");
    Ok(())
}

#[test]
fn bulk_tcp_into_a_container_goes_by_xdp() -> Result<()> {
    const OCTETS: u64 = 50_000_000;
    let mut hosts = hosts()?;
    let listener = hosts.outside.within(|| TcpListener::bind((OUTSIDE, 0)))?;
    let before = (redirected(&hosts)?, sent_to_c1(&mut hosts)?);
    download(&listener, &hosts.c1.ns, listener.local_addr()?, OCTETS)?;
    let by_xdp = redirected(&hosts)? - before.0;
    let least = OCTETS / 1500;
    ensure!(
        by_xdp >= least,
        "XDP redirected {by_xdp} of {least} segments"
    );
    let sent = sent_to_c1(&mut hosts)? - before.1;
    ensure!(sent >= by_xdp, "{sent} frames were counted for the port");
    let session = hosts.a.netfwd()?.object("session show", "proto", "tcp")?;
    ensure!(number(&session, "packets")? >= by_xdp, "{session}");
    ensure!(number(&session, "bytes")? >= OCTETS, "{session}");
    Ok(())
}

#[test]
fn bulk_tcp_from_a_container_is_acknowledged_by_xdp() -> Result<()> {
    let hosts = hosts()?;
    let before = redirected(&hosts)?;
    let transfer = tcp_bulk(&hosts.outside, OUTSIDE, &hosts.c1.ns, 50_000_000)?;
    ensure!(transfer.client.ip() == hosts.a.address, "{transfer:?}");
    ensure!(
        redirected(&hosts)? > before,
        "no acknowledgement went by XDP"
    );
    let rate = iperf(&hosts.outside, OUTSIDE, &hosts.c1.ns, 1)?;
    println!("out of a container: {:.2} Gbit/s", rate / 1e9);
    Ok(())
}

#[test]
fn a_published_port_serves() -> Result<()> {
    const OCTETS: u64 = 20_000_000;
    let hosts = hosts()?;
    let listener = hosts
        .c1
        .ns
        .within(|| TcpListener::bind((hosts.c1.address, 80)))?;
    let before = redirected(&hosts)?;
    let target = SocketAddr::from((hosts.a.address, 8080));
    download(&listener, &hosts.outside, target, OCTETS)?;
    ensure!(
        redirected(&hosts)? > before,
        "no acknowledgement went by XDP"
    );
    drop(listener);
    let _server = WhoAmI::start(&hosts.c1.ns, hosts.c1.address, 80)?;
    for _ in 0..20 {
        ensure!(ask_tcp(&hosts.outside, target)?.ip() == OUTSIDE);
    }
    Ok(())
}

/// Asks so often, by one socket; says how many questions or answers XDP has redirected.
fn asked(hosts: &TwoHosts, socket: &UdpSocket, times: u32) -> Result<u64> {
    let before = redirected(hosts)?;
    for _ in 0..times {
        whoami(socket)?;
    }
    Ok(redirected(hosts)? - before)
}

#[test]
fn datagrams_to_a_published_port_go_by_xdp() -> Result<()> {
    let hosts = hosts()?;
    let _server = WhoAmI::start(&hosts.c1.ns, hosts.c1.address, 53)?;
    let socket = udp_socket(&hosts.outside, (hosts.a.address, 5353).into(), 0)?;
    ensure!(whoami(&socket)?.ip() == OUTSIDE);
    eventually("questions by XDP", TIMEOUT, || {
        Ok(asked(&hosts, &socket, 100)? >= 95)
    })
}

#[test]
fn answers_to_masqueraded_datagrams_go_by_xdp() -> Result<()> {
    let mut hosts = hosts()?;
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, 7000)?;
    let socket = udp_socket(&hosts.c1.ns, server.address, 0)?;
    ensure!(whoami(&socket)?.ip() == hosts.a.address);
    eventually("answers by XDP", TIMEOUT, || {
        Ok(asked(&hosts, &socket, 100)? >= 95)
    })?;
    // Who is heard stays fresh, also where XDP alone hears it.
    sleep(Duration::from_millis(2500));
    asked(&hosts, &socket, 10)?;
    let session = hosts.a.netfwd()?.object("session show", "proto", "udp")?;
    ensure!(number(&session, "idle_seconds")? <= 1, "{session}");
    ensure!(number(&session, "packets")? >= 200, "{session}");
    Ok(())
}

#[test]
fn the_rest_is_left_to_tc() -> Result<()> {
    let hosts = hosts()?;
    ping(&hosts.c1.ns, OUTSIDE, Ping::count(10))?.complete()?;
    let service = WhoAmI::start(&hosts.a.ns, hosts.a.address, 8082)?;
    ensure!(ask_tcp(&hosts.outside, service.address)?.ip() == OUTSIDE);
    ensure!(ask_udp(&hosts.outside, service.address)?.ip() == OUTSIDE);
    let closed = SocketAddr::from((hosts.a.address, 8081));
    ensure!(ask_tcp(&hosts.outside, closed).is_err());
    Ok(())
}

/// The harness made this one's pair: its GRO is as the kernel leaves it, and XDP has nowhere to send to.
#[test]
fn a_container_that_takes_no_xdp_frames_is_served_by_tc() -> Result<()> {
    let hosts = hosts()?;
    let server = WhoAmI::start(&hosts.outside, OUTSIDE, 7000)?;
    let socket = udp_socket(&hosts.c2.ns, server.address, 0)?;
    ensure!(asked(&hosts, &socket, 50)? == 0);
    offload(&hosts.c2.ns, "eth0", "gro on")?;
    eventually("answers by XDP", TIMEOUT, || {
        Ok(asked(&hosts, &socket, 50)? >= 45)
    })?;
    offload(&hosts.c2.ns, "eth0", "gro off")?;
    eventually("answers by TC", TIMEOUT, || {
        sleep(Duration::from_millis(200));
        Ok(asked(&hosts, &socket, 50).is_ok_and(|by_xdp| by_xdp == 0))
    })
}
