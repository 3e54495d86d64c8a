//! Another host behind the switch's overlay: what reaches it by VXLAN, and what it sends.

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::{Arrival, PEER, silent};
use crate::{
    netns::Namespace,
    packet::{Mac, RawSocket, Vxlan},
    topology::{UNDERLAY, VNI, veth},
};

/// The host's VTEP.
pub const VTEP: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
/// The other host's.
pub const PEER_VTEP: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 2);

const HOST: Mac = [0x02, 0, 0, 0xdd, 0, 1];
const OTHER: Mac = [0x02, 0, 0, 0xdd, 0, 2];
/// Octets in front of an inner frame: Ethernet, IPv4, UDP and VXLAN.
const OUTER: usize = 14 + 20 + 8 + 8;

/// The other host: a wire, and a socket on its end. It has no address, so that it says nothing.
#[derive(Debug)]
pub struct Overlay {
    socket: RawSocket,
    _namespace: Namespace,
}

impl Overlay {
    /// Wires it to a host.
    pub fn new(host: &Namespace) -> Result<Self> {
        let namespace = silent("pr")?;
        veth(host, UNDERLAY, &namespace, UNDERLAY)?;
        let (near, far) = (super::text(HOST), super::text(OTHER));
        host.ip(&format!(
            "link set {UNDERLAY} address {near}
             addr add {VTEP}/24 dev {UNDERLAY}
             neigh add {PEER_VTEP} lladdr {far} dev {UNDERLAY} nud permanent"
        ))?;
        namespace.ip(&format!("link set {UNDERLAY} address {far}"))?;
        Ok(Self {
            socket: RawSocket::open(&namespace, UNDERLAY)?,
            _namespace: namespace,
        })
    }

    /// Sends a frame over the overlay.
    pub fn send(&self, inner: &[u8]) -> Result<()> {
        let outer = Vxlan::new(PEER_VTEP, VTEP, VNI).macs(OTHER, HOST);
        self.socket.send(&outer.wrap(inner))
    }

    /// Inner frames that arrive: until `count` are here, and then until none came for `quiet`.
    pub fn arrivals(
        &self,
        count: usize,
        quiet: Duration,
        patience: Duration,
    ) -> Result<Vec<Arrival>> {
        let mut arrivals = Vec::new();
        let start = Instant::now();
        loop {
            let frame = self.socket.next(quiet, is_from_host)?;
            let over = frame.is_none();
            arrivals.extend(frame.map(|frame| Arrival {
                port: PEER,
                frame: frame[OUTER..].to_vec(),
            }));
            if over && (arrivals.len() >= count || start.elapsed() > patience) {
                return Ok(arrivals);
            }
        }
    }
}

/// Whether a frame is VXLAN from the host, and what is in it is not the host's own.
fn is_from_host(frame: &[u8]) -> bool {
    const UDP_PORT: [u8; 2] = 4789_u16.to_be_bytes();
    let vxlan = frame.len() > OUTER + 12 && frame[6..12] == HOST && frame[36..38] == UDP_PORT;
    vxlan && frame[OUTER + 6..OUTER + 12] != super::HOST_MAC
}
