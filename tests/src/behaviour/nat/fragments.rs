//! Datagrams in pieces that come in another order than they were sent.

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::seen_as_the_host;
use crate::{
    netns::Namespace,
    packet::{Ipv4, Ipv6, Mac, RawSocket, ethernet, fragments, fragments_v6, mac},
    site::{GATEWAY, HOST, OUTSIDE, Plan, Site, over_both},
    topology::Stack,
    traffic::{Ping, ping},
};

/// Octets of a piece.
const PIECE: usize = 800;
/// In which order three pieces come.
const ORDERS: [[usize; 3]; 4] = [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]];
/// How long a datagram is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Publishes a UDP port.
pub fn plan(stack: Stack) -> Result<Plan> {
    Ok(Plan::on(stack).publish_both(8080, 80))
}

/// Out of a container.
pub fn outward(site: &Site) -> Result<()> {
    over_both(|family| {
        let (from, to) = (site.c1.at.of(family), OUTSIDE.of(family));
        let sender = Forger::new(&site.c1.ns, GATEWAY.of(family), from)?;
        let server = listen(&site.outside, (to, 7000))?;
        all_orders(&sender, (to, 7000).into(), &server, HOST.of(family))
    })
}

/// To a published port.
pub fn inward(site: &Site) -> Result<()> {
    over_both(|family| {
        let (from, to) = (OUTSIDE.of(family), HOST.of(family));
        let sender = Forger::new(&site.outside, to, from)?;
        let server = listen(&site.c1.ns, (site.c1.at.of(family), 80))?;
        all_orders(&sender, (to, 8080).into(), &server, from)
    })
}

/// Pieces whose first one never comes are no way to keep others from theirs.
pub fn orphans(site: &Site) -> Result<()> {
    over_both(|family| {
        let (from, to) = (site.c1.at.of(family), OUTSIDE.of(family));
        let sender = Forger::new(&site.c1.ns, GATEWAY.of(family), from)?;
        let at = (to, 7001);
        let server = listen(&site.outside, at)?;
        for number in 0..5_000 {
            let frames = sender.pieces(at.into(), number);
            sender.socket.send(&frames[1])?;
        }
        seen_as_the_host(site, &site.c2.ns, family)?;
        sender.send(at.into(), 60_000, [0, 1, 2])?;
        arrived(&server, HOST.of(family))
    })
}

fn listen(ns: &Namespace, at: (IpAddr, u16)) -> Result<UdpSocket> {
    let socket = ns.within(|| UdpSocket::bind(at))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    Ok(socket)
}

fn all_orders(sender: &Forger, to: SocketAddr, server: &UdpSocket, seen_as: IpAddr) -> Result<()> {
    for (id, order) in (1..).zip(ORDERS) {
        sender.send(to, id, order)?;
        arrived(server, seen_as).with_context(|| format!("in the order {order:?}"))?;
    }
    Ok(())
}

fn arrived(server: &UdpSocket, seen_as: IpAddr) -> Result<()> {
    let mut buffer = [0; 1 << 12];
    let (len, from) = server.recv_from(&mut buffer).context("nothing came")?;
    ensure!(buffer[..len] == payload(), "{len} octets, or others");
    ensure!(from.ip() == seen_as, "{from} is seen");
    Ok(())
}

/// A datagram of three pieces, the last one shorter.
fn payload() -> Vec<u8> {
    (0..2 * PIECE + 100).map(|at| (at % 251) as u8).collect()
}

/// Somebody who sends pieces himself.
struct Forger {
    socket: RawSocket,
    macs: [Mac; 2],
    from: IpAddr,
}

impl Forger {
    /// In a namespace with this address, whose next hop is `via`.
    fn new(ns: &Namespace, via: IpAddr, from: IpAddr) -> Result<Self> {
        ping(ns, via, Ping::count(1))?.complete()?;
        let neighbour = ns.run(&format!("ip -j neigh show {via}"))?;
        let own = ns.run("ip -j link show eth0")?;
        Ok(Self {
            socket: RawSocket::open(ns, "eth0")?,
            macs: [
                field(&neighbour.stdout, "lladdr")?,
                field(&own.stdout, "address")?,
            ],
            from,
        })
    }

    fn send(&self, to: SocketAddr, id: u32, order: [usize; 3]) -> Result<()> {
        let frames = self.pieces(to, id);
        order
            .iter()
            .try_for_each(|at| self.socket.send(&frames[*at]))
    }

    fn pieces(&self, to: SocketAddr, id: u32) -> Vec<Vec<u8>> {
        const PORT: u16 = 5555;
        let [dst, src] = self.macs;
        let (kind, packets) = match (self.from, to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(at)) => {
                let id = id as u16;
                let ip = Ipv4 {
                    id,
                    ..Ipv4::between(from, at)
                };
                let whole = ip.udp(PORT, to.port(), &payload());
                (0x0800, fragments(&ip, &whole, PIECE))
            }
            (from, at) => {
                let ip = Ipv6::new(&from.to_string(), &at.to_string());
                let whole = ip.udp(PORT, to.port(), &payload());
                (0x86dd, fragments_v6(&ip, &whole, PIECE, id))
            }
        };
        packets
            .iter()
            .map(|packet| ethernet(dst, src, kind, packet))
            .collect()
    }
}

fn field(json: &str, name: &str) -> Result<Mac> {
    let rows: Vec<Value> = serde_json::from_str(json)?;
    let text = rows.iter().find_map(|row| row[name].as_str());
    Ok(mac(text.context("no MAC is known")?))
}
