//! Checks of address translation: what the outside server sees, and what a container sees of it.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};

use super::interrupt;
use super::netns::Netns;
use super::ping::ping;
use super::topology::{Topology, addresses};

const LIMIT: Duration = Duration::from_secs(2);
const SERVICE: u16 = 7;
/// What examples/host-a.toml publishes, and what it is translated to.
const PUBLISHED: u16 = 49153;
const SSH: u16 = 22;
const WORDS: &[u8] = b"words that must come back";

/// Containers reach the server; it sees their hosts' outside addresses.
pub fn masquerade(lab: &Topology) -> Result<String> {
    let [c1, _, c3, _] = &lab.containers;
    let mut lines = Vec::new();
    let ways = [
        (c1, "c1", addresses::OUTSIDE[0]),
        (c3, "c3", addresses::OUTSIDE[1]),
    ];
    for (container, name, host) in ways {
        let tcp = tcp_source(container, &lab.server).with_context(|| format!("{name}, TCP"))?;
        let udp = udp_source(container, &lab.server).with_context(|| format!("{name}, UDP"))?;
        let icmp = icmp_source(container, &lab.server).with_context(|| format!("{name}, ping"))?;
        for seen in [tcp.ip(), udp.ip(), icmp] {
            ensure!(
                seen == host,
                "the server sees {seen} where {name}'s host is {host}"
            );
        }
        lines.push(format!("{name} is seen as tcp {tcp}, udp {udp}, ping"));
    }
    Ok(format!("the server sees the hosts\n{}", lines.join("\n")))
}

/// The server reaches c1's service through host a's published port; c1 sees the server's address.
pub fn published(lab: &Topology) -> Result<String> {
    let target = SocketAddr::from((addresses::OUTSIDE[0], PUBLISHED));
    let listener = lab.containers[0].enter(|| listen(Ipv4Addr::UNSPECIFIED, SSH))?;
    let client = lab.server.enter(|| connect(target))?;
    let own = client.local_addr()?;
    let seen = echo(&listener, client)?;
    ensure!(
        seen == own,
        "the container sees {seen}, the client is {own}"
    );
    Ok(format!(
        "{target} → {}:{SSH}, c1 sees {seen}",
        addresses::CONTAINERS[0]
    ))
}

fn listen(address: Ipv4Addr, l4_port: u16) -> Result<TcpListener> {
    let listener = TcpListener::bind((address, l4_port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn connect(to: SocketAddr) -> Result<TcpStream> {
    TcpStream::connect_timeout(&to, LIMIT).with_context(|| format!("{to} cannot be reached"))
}

fn tcp_source(from: &Netns, server: &Netns) -> Result<SocketAddr> {
    let listener = server.enter(|| listen(addresses::SERVER, SERVICE))?;
    let client = from.enter(|| connect((addresses::SERVER, SERVICE).into()))?;
    echo(&listener, client)
}

/// Words go to the service and come back; returns whom the service saw.
fn echo(listener: &TcpListener, mut client: TcpStream) -> Result<SocketAddr> {
    let (mut service, seen) = accept(listener)?;
    for stream in [&client, &service] {
        stream.set_read_timeout(Some(LIMIT))?;
    }
    let mut words = [0; WORDS.len()];
    client.write_all(WORDS)?;
    service
        .read_exact(&mut words)
        .context("nothing reached the service")?;
    service.write_all(&words)?;
    client
        .read_exact(&mut words)
        .context("nothing came back from the service")?;
    ensure!(words == WORDS, "the words changed on the way");
    Ok(seen)
}

fn accept(listener: &TcpListener) -> Result<(TcpStream, SocketAddr)> {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        if let Ok((stream, from)) = listener.accept() {
            stream.set_nonblocking(false)?;
            return Ok((stream, from));
        }
        interrupt::sleep(interrupt::TICK)?;
    }
    bail!("the connection did not reach the service")
}

fn udp_source(from: &Netns, server: &Netns) -> Result<SocketAddr> {
    let service = server.enter(|| Ok(UdpSocket::bind((addresses::SERVER, SERVICE))?))?;
    let client = from.enter(|| Ok(UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?))?;
    client.connect((addresses::SERVER, SERVICE))?;
    for socket in [&client, &service] {
        socket.set_read_timeout(Some(LIMIT))?;
    }
    let mut words = [0; WORDS.len()];
    client.send(WORDS)?;
    let (_, seen) = service
        .recv_from(&mut words)
        .context("nothing reached the service")?;
    service.send_to(&words, seen)?;
    client
        .recv(&mut words)
        .context("nothing came back from the service")?;
    ensure!(words == WORDS, "the words changed on the way");
    Ok(seen)
}

/// Pings the server, which looks at whom the request came from.
fn icmp_source(from: &Netns, server: &Netns) -> Result<IpAddr> {
    let ear = server.enter(icmp_socket)?;
    ping(from, addresses::SERVER, "-c 3 -i 0.01")?.lossless()?;
    let mut packet = [0; 128];
    let (_, seen) = ear
        .recv_from(&mut packet)
        .context("no ping reached the server")?;
    Ok(seen.ip())
}

/// A raw ICMP socket; std's UDP socket serves to receive from it with the sender's address.
fn icmp_socket() -> Result<UdpSocket> {
    let raw: OwnedFd = socket(
        AddressFamily::Inet,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        SockProtocol::Icmp,
    )?;
    let socket = UdpSocket::from(raw);
    socket.set_read_timeout(Some(LIMIT))?;
    Ok(socket)
}
