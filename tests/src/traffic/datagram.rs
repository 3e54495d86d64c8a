//! Single datagrams, also of more octets than a packet holds.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use super::{fill, holds, unspecified, whoami::address};
use crate::netns::Namespace;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// A socket of a namespace, connected to a peer; by an l4 port of its own, or any with 0.
pub fn udp_socket(client: &Namespace, peer: SocketAddr, port: u16) -> Result<UdpSocket> {
    client
        .within(|| {
            let socket = UdpSocket::bind((unspecified(peer), port))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            socket.connect(peer)?;
            Ok::<_, std::io::Error>(socket)
        })
        .with_context(|| format!("a socket to {peer}"))
}

/// Asks the peer of a socket by which address it sees us.
pub fn whoami(socket: &UdpSocket) -> Result<SocketAddr> {
    socket.send(b"who am I?")?;
    let mut answer = [0; 128];
    let len = socket.recv(&mut answer).context("no answer")?;
    address(std::str::from_utf8(&answer[..len])?)
}

/// Sends a datagram of so many octets to a server's address and gets it back, every octet checked on both
/// ways; returns the address by which the server saw the client.
pub fn exchange(
    client: &Namespace,
    server: &Namespace,
    address: IpAddr,
    octets: usize,
) -> Result<SocketAddr> {
    let serving = server.within(|| UdpSocket::bind((address, 0)))?;
    exchange_by(client, serving.local_addr()?, &serving, octets)
}

/// Does the same where the server is reached by another address than its own.
pub fn exchange_by(
    client: &Namespace,
    target: SocketAddr,
    serving: &UdpSocket,
    octets: usize,
) -> Result<SocketAddr> {
    serving.set_read_timeout(Some(PATIENCE))?;
    let socket = udp_socket(client, target, 0)?;
    thread::scope(|scope| {
        let seen = scope.spawn(|| give_back(serving, octets));
        let mut datagram = vec![0; octets];
        fill(&mut datagram, 0);
        socket.send(&datagram)?;
        let returned = whole(&socket, octets);
        let seen = seen.join().expect("the server does not panic");
        let seen = seen.with_context(|| format!("the server, of {octets} octets"))?;
        returned.with_context(|| format!("the client, of {octets} octets"))?;
        Ok(seen)
    })
}

fn give_back(socket: &UdpSocket, octets: usize) -> Result<SocketAddr> {
    let mut buffer = vec![0; 1 << 16];
    let (len, client) = socket.recv_from(&mut buffer).context("nothing came")?;
    ensure!(
        len == octets && holds(&buffer[..len], 0),
        "{len} octets came"
    );
    socket.send_to(&buffer[..len], client)?;
    Ok(client)
}

fn whole(socket: &UdpSocket, octets: usize) -> Result<()> {
    let mut buffer = vec![0; 1 << 16];
    let len = socket.recv(&mut buffer).context("nothing came back")?;
    ensure!(
        len == octets && holds(&buffer[..len], 0),
        "{len} octets came"
    );
    Ok(())
}
