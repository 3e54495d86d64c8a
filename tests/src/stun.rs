//! Servers that tell who asks, and sockets that ask several of them, as STUN has it.

use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{
    netns::Namespace,
    site::{FAR, Family, OUTSIDE, OUTSIDE_TOO, Pair, Site},
    traffic::WhoAmI,
};

/// The l4 port of every server here.
pub const PORT: u16 = 3478;

/// Servers with different addresses, as STUN has them.
#[derive(Debug)]
pub struct Servers(pub [WhoAmI; 3]);

impl Servers {
    /// Starts them.
    pub fn start(site: &Site, family: Family) -> Result<Self> {
        let of = |ns: &Namespace, at: Pair| WhoAmI::start(ns, at.of(family), PORT);
        Ok(Self([
            of(&site.outside, OUTSIDE)?,
            of(&site.outside, OUTSIDE_TOO)?,
            of(&site.far, FAR)?,
        ]))
    }

    /// How each of them sees a socket that is connected to none.
    pub fn see(&self, socket: &UdpSocket) -> Result<BTreeSet<SocketAddr>> {
        let seen = self.0.iter().map(|server| seen_by(socket, server.address));
        seen.collect()
    }
}

/// How a server sees a socket that is connected to none.
pub fn seen_by(socket: &UdpSocket, server: SocketAddr) -> Result<SocketAddr> {
    socket.send_to(b"who am I?", server)?;
    let mut answer = [0; 128];
    let (len, from) = socket
        .recv_from(&mut answer)
        .with_context(|| format!("{server}"))?;
    ensure!(from == server, "{from} answers for {server}");
    let text = std::str::from_utf8(&answer[..len])?;
    Ok(text.trim().parse()?)
}

/// A socket of an address, by an l4 port of its own or any with 0, connected to none.
pub fn socket(ns: &Namespace, at: IpAddr, port: u16) -> Result<UdpSocket> {
    let socket = ns.within(|| UdpSocket::bind((at, port)))?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    Ok(socket)
}
