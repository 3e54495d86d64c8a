//! The reference: what a receiver of VXLAN takes, written from the RFCs over slices and shared with
//! nothing in the programs.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::inner;
use crate::packet::Mac;

const ETHERNET: usize = 14;
const IPV4: usize = 20;
const IPV6: usize = 40;
const UDP: usize = 8;
const VXLAN: usize = 8;

/// A receiver: one VTEP of each family, one network, its peers and the one station that is known here.
#[derive(Clone, Debug)]
pub struct Receiver {
    /// MAC of the interface.
    pub mac: Mac,
    /// Addresses that VXLAN arrives at.
    pub vteps: Vec<IpAddr>,
    /// Who may send.
    pub peers: Vec<IpAddr>,
    /// The UDP ports that VXLAN arrives at.
    pub ports: Vec<u16>,
    /// The network's VNI.
    pub vni: u32,
    /// A station behind a port here.
    pub station: Mac,
    /// Whether reserved bits are refused.
    pub strict: bool,
    /// The gateway, from which no peer sends.
    pub gateway: Mac,
}

/// What becomes of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is no VXLAN for this receiver, or is none that can be read; this says why.
    Foreign(&'static str),
    /// It is, and must not be forwarded.
    Refused(&'static str),
    /// The frame within is for the network.
    Accepted {
        /// That frame.
        inner: Vec<u8>,
        /// Why the fast path may leave it to the kernel; `None` where it must forward it to the known
        /// station itself.
        slow: Option<&'static str>,
    },
}

/// The outer header, of either family.
struct Outer<'a> {
    src: IpAddr,
    dst: IpAddr,
    /// The traffic class.
    class: u8,
    /// What follows the header, to the end that the header names.
    payload: &'a [u8],
    slow: Option<&'static str>,
}

/// Ends the decoding of a frame.
type Step<T> = Result<T, Decision>;

fn foreign<T>(why: &'static str) -> Step<T> {
    Err(Decision::Foreign(why))
}

fn refused<T>(why: &'static str) -> Step<T> {
    Err(Decision::Refused(why))
}

impl Receiver {
    /// What becomes of a frame.
    pub fn decide(&self, frame: &[u8]) -> Decision {
        self.decode(frame).unwrap_or_else(|decision| decision)
    }

    fn decode(&self, frame: &[u8]) -> Step<Decision> {
        let outer = self.outer(frame)?;
        let vxlan = self.udp(&outer)?;
        let Some((header, inner)) = vxlan.split_at_checked(VXLAN) else {
            return refused("no VXLAN header");
        };
        // RFC 7348 §5: the I flag must be set, reserved bits are ignored by who is not strict.
        if header[0] & 0x08 == 0 {
            return refused("no I flag");
        }
        let reserved = header[0] & !0x08 | header[1] | header[2] | header[3] | header[7];
        if self.strict && reserved != 0 {
            return refused("reserved bits");
        }
        let vni = u32::from_be_bytes([0, header[4], header[5], header[6]]);
        if vni != self.vni || !self.peers.contains(&outer.src) {
            return refused("VNI or sender");
        }
        if inner.len() < ETHERNET {
            return refused("no inner frame");
        }
        let slow = self.inner(inner, outer.class)?;
        Ok(Decision::Accepted {
            inner: inner.to_vec(),
            slow: outer.slow.or(checksum_slow(&outer)).or(slow),
        })
    }

    fn outer<'a>(&self, frame: &'a [u8]) -> Step<Outer<'a>> {
        let Some((ethernet, packet)) = frame.split_at_checked(ETHERNET) else {
            return foreign("no Ethernet header");
        };
        if ethernet[..6] != self.mac {
            return foreign("for another MAC");
        }
        let mut outer = match [ethernet[12], ethernet[13]] {
            [0x08, 0x00] => ipv4(packet)?,
            [0x86, 0xdd] => ipv6(packet)?,
            _ => return foreign("no IP"),
        };
        if !self.vteps.contains(&outer.dst) {
            return foreign("for another address");
        }
        let named = packet.len() - header_len(packet) - outer.payload.len();
        if named != 0 {
            outer.slow = outer.slow.or(Some("octets behind the packet"));
        }
        Ok(outer)
    }

    /// What UDP carries to the VXLAN port.
    fn udp<'a>(&self, outer: &Outer<'a>) -> Step<&'a [u8]> {
        let Some((header, rest)) = outer.payload.split_at_checked(UDP) else {
            return foreign("no UDP header");
        };
        let word = |at| u16::from_be_bytes([header[at], header[at + 1]]);
        if !self.ports.contains(&word(2)) {
            return foreign("for another port");
        }
        if usize::from(word(4)) != outer.payload.len() {
            return refused("lengths disagree");
        }
        // Zero is no checksum, over IPv6 too for a tunnel (RFC 6935).
        if word(6) != 0 && !udp_checksum_is_right(outer) {
            return refused("the UDP checksum is wrong");
        }
        Ok(rest)
    }

    /// Why a frame within may be left to the kernel.
    fn inner(&self, frame: &[u8], class: u8) -> Step<Option<&'static str>> {
        let source = &frame[6..12];
        if source[0] & 1 == 1 || source == [0; 6] {
            return refused("no station's MAC");
        }
        if source == self.gateway {
            return refused("the gateway's MAC");
        }
        let Some((inner, whole)) = inner::class(frame) else {
            return Ok(Some("no IP packet"));
        };
        // RFC 6040 §4.2, figure 4.
        match (class & 3, inner & 3) {
            (3, 0) => return refused("congestion that nobody can be told of"),
            (3, 1 | 2) | (1, 2) => return Ok(Some("congestion to be told of")),
            _ => {}
        }
        if !whole {
            return Ok(Some("no whole IP packet"));
        }
        let known = frame[..6] == self.station;
        Ok((!known).then_some("for no known station"))
    }
}

/// Octets of an IP header that has been looked at.
fn header_len(packet: &[u8]) -> usize {
    match packet[0] >> 4 {
        4 => usize::from(packet[0] & 15) * 4,
        _ => IPV6,
    }
}

/// RFC 791 §3.1 and RFC 1122 §3.2.1.
fn ipv4(packet: &[u8]) -> Step<Outer<'_>> {
    let Some(h) = packet.get(..IPV4) else {
        return foreign("no IPv4 header");
    };
    let header = usize::from(h[0] & 15) * 4;
    let total = usize::from(u16::from_be_bytes([h[2], h[3]]));
    if h[0] >> 4 != 4 || header < IPV4 || total < header || packet.len() < total {
        return foreign("no IPv4 packet");
    }
    if super::inner::sum(&[&packet[..header]]) != 0xffff {
        return foreign("the header's checksum is wrong");
    }
    if h[9] != 17 {
        return foreign("no UDP");
    }
    let fragment = u16::from_be_bytes([h[6], h[7]]) & 0x3fff != 0;
    if fragment {
        return foreign("a fragment");
    }
    Ok(Outer {
        src: Ipv4Addr::new(h[12], h[13], h[14], h[15]).into(),
        dst: Ipv4Addr::new(h[16], h[17], h[18], h[19]).into(),
        class: h[1],
        payload: &packet[header..total],
        slow: (header != IPV4).then_some("options"),
    })
}

/// RFC 8200 §3; extension headers are not looked behind.
fn ipv6(packet: &[u8]) -> Step<Outer<'_>> {
    let Some((h, rest)) = packet.split_at_checked(IPV6) else {
        return foreign("no IPv6 header");
    };
    let len = usize::from(u16::from_be_bytes([h[4], h[5]]));
    if h[0] >> 4 != 6 || rest.len() < len {
        return foreign("no IPv6 packet");
    }
    if h[6] != 17 {
        return foreign("no UDP");
    }
    let address = |at: usize| {
        let octets: [u8; 16] = h[at..at + 16].try_into().expect("16 octets");
        IpAddr::from(Ipv6Addr::from(octets))
    };
    Ok(Outer {
        src: address(8),
        dst: address(24),
        class: h[0] << 4 | h[1] >> 4,
        payload: &rest[..len],
        slow: None,
    })
}

/// A checksum that is there is the kernel's to verify.
fn checksum_slow(outer: &Outer<'_>) -> Option<&'static str> {
    (outer.payload[6..8] != [0, 0]).then_some("a UDP checksum")
}

fn udp_checksum_is_right(outer: &Outer<'_>) -> bool {
    let len = (outer.payload.len() as u32).to_be_bytes();
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let (src, dst) = (octets(outer.src), octets(outer.dst));
    inner::sum(&[&src, &dst, &len, &[0, 17], outer.payload]) == 0xffff
}
