//! Errors reach whom they concern, in terms that they know.

use std::{
    io::{ErrorKind, Result as Io},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    netns::Namespace,
    site::{FAR, HOST, OUTSIDE, Plan, Site, over_both},
    topology::Stack,
    traffic::udp_socket,
};

/// An l4 port that nobody listens on.
const CLOSED: u16 = 9999;
/// How long a refusal is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// Publishes ports that nobody serves.
pub fn plan(stack: Stack) -> Result<Plan> {
    Ok(Plan::on(stack).publish_both(8081, 81))
}

/// Who connects to a closed port is refused at once: the server's reset comes through.
pub fn tcp_refused(site: &Site) -> Result<()> {
    over_both(|family| {
        for server in [OUTSIDE, FAR] {
            refused(|| connect(&site.c1.ns, (server.of(family), CLOSED).into()))?;
        }
        Ok(())
    })
}

/// Who sends to a closed UDP port learns it, by an ICMP error about the packet as the server saw it.
pub fn udp_refused(site: &Site) -> Result<()> {
    over_both(|family| {
        for server in [OUTSIDE, FAR] {
            refused(|| send(&site.c1.ns, (server.of(family), CLOSED).into()))?;
        }
        Ok(())
    })
}

/// A client of a published port that nobody serves is refused, by TCP and by UDP.
pub fn published_and_refused(site: &Site) -> Result<()> {
    over_both(|family| {
        let listener = (HOST.of(family), 8081).into();
        refused(|| connect(&site.outside, listener)).context("TCP")?;
        refused(|| send(&site.outside, listener)).context("UDP")
    })
}

/// A router outside says that it has no route: ping shows its answer.
pub fn unreachable(site: &Site) -> Result<()> {
    for (target, words) in [
        ("203.0.113.9", "Net Unreachable"),
        ("2001:db8::9", "No route"),
    ] {
        let said = site.c1.ns.attempt(&format!("ping -n -c 1 -W 2 {target}"))?;
        ensure!(said.stdout.contains(words), "no \"{words}\" in {said}");
    }
    Ok(())
}

fn connect(client: &Namespace, server: SocketAddr) -> Io<()> {
    client.within(|| TcpStream::connect_timeout(&server, PATIENCE).map(drop))
}

fn send(client: &Namespace, server: SocketAddr) -> Io<()> {
    let socket = udp_socket(client, server, 0).map_err(std::io::Error::other)?;
    socket.send(b"anybody?")?;
    socket.recv(&mut [0; 16]).map(drop)
}

fn refused(attempt: impl FnOnce() -> Io<()>) -> Result<()> {
    match attempt() {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        other => bail!("a refusal was expected, and it was {other:?}"),
    }
}
