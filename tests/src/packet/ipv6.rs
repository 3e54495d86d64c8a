//! IPv6 packets with what Neighbor Discovery and MLD need.

use std::net::Ipv6Addr;

use super::{Mac, Tcp, sum};

const ICMPV6: u8 = 58;
const TCP: u8 = 6;
const UDP: u8 = 17;
const HOP_BY_HOP: u8 = 0;

/// An IPv6 header.
#[derive(Clone, Copy, Debug)]
pub struct Ipv6 {
    /// Source.
    pub src: Ipv6Addr,
    /// Destination.
    pub dst: Ipv6Addr,
    /// Hop limit.
    pub hops: u8,
}

impl Ipv6 {
    /// A header between two addresses as a test writes them, with ND's hop limit.
    pub fn new(src: &str, dst: &str) -> Self {
        Self {
            src: v6(src),
            dst: v6(dst),
            hops: 255,
        }
    }

    /// A packet whose header is followed by `next`, which `payload` starts with.
    pub fn packet(&self, next: u8, payload: &[u8]) -> Vec<u8> {
        let len = (payload.len() as u16).to_be_bytes();
        [
            &[0x60, 0, 0, 0],
            &len[..],
            &[next, self.hops],
            &self.src.octets(),
            &self.dst.octets(),
            payload,
        ]
        .concat()
    }

    /// An ICMPv6 message; `rest` follows the checksum.
    pub fn icmp(&self, kind: u8, rest: &[u8]) -> Vec<u8> {
        self.packet(ICMPV6, &self.message(kind, rest))
    }

    /// An MLD message, behind the router alert that MLD wants (RFC 2710 §3).
    pub fn mld(&self, kind: u8, rest: &[u8]) -> Vec<u8> {
        const ROUTER_ALERT: [u8; 8] = [ICMPV6, 0, 5, 2, 0, 0, 1, 0];
        let message = self.message(kind, rest);
        self.packet(HOP_BY_HOP, &[&ROUTER_ALERT[..], &message].concat())
    }

    /// UDP.
    pub fn udp(&self, src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
        let len = (8 + payload.len()) as u16;
        let ports = [src_port, dst_port, len].map(u16::to_be_bytes).concat();
        let check = self.check(UDP, &[&ports[..], &[0, 0], payload].concat());
        self.packet(
            UDP,
            &[&ports[..], &check.to_be_bytes()[..], payload].concat(),
        )
    }

    /// TCP without options.
    pub fn tcp(&self, tcp: &Tcp, payload: &[u8]) -> Vec<u8> {
        let mut segment = tcp.segment(payload);
        let check = self.check(TCP, &segment);
        segment[16..18].copy_from_slice(&check.to_be_bytes());
        self.packet(TCP, &segment)
    }

    /// UDP without a checksum, as tunnels may have it (RFC 6935).
    pub fn udp_without_checksum(&self, src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
        let len = (8 + payload.len()) as u16;
        let header = [src_port, dst_port, len, 0].map(u16::to_be_bytes).concat();
        self.packet(UDP, &[&header[..], payload].concat())
    }

    /// A neighbour solicitation for `target`, with the sender's MAC where one is given.
    pub fn solicitation(&self, target: &str, mac: Option<Mac>) -> Vec<u8> {
        self.discovery(135, 0, target, mac.map(|mac| (1, mac)))
    }

    /// A neighbour advertisement of `target` with these flags and the target's MAC.
    pub fn advertisement(&self, flags: u8, target: &str, mac: Mac) -> Vec<u8> {
        self.discovery(136, flags, target, Some((2, mac)))
    }

    fn discovery(&self, kind: u8, flags: u8, target: &str, option: Option<(u8, Mac)>) -> Vec<u8> {
        let option = option.map(|(kind, mac)| [&[kind, 1], &mac[..]].concat());
        let rest = [
            &[flags, 0, 0, 0],
            &v6(target).octets()[..],
            &option.unwrap_or_default(),
        ];
        self.icmp(kind, &rest.concat())
    }

    fn message(&self, kind: u8, rest: &[u8]) -> Vec<u8> {
        let check = self.check(ICMPV6, &[&[kind, 0, 0, 0], rest].concat());
        [&[kind, 0], &check.to_be_bytes()[..], rest].concat()
    }

    /// The checksum over the pseudo-header (RFC 8200 §8.1) and `segment`, whose own field is zero.
    fn check(&self, proto: u8, segment: &[u8]) -> u16 {
        let len = (segment.len() as u32).to_be_bytes();
        let octets = (self.src.octets(), self.dst.octets());
        !sum(&[&octets.0, &octets.1, &len, &[0, 0, 0, proto], segment])
    }
}

/// An IPv6 address as a test writes it.
pub fn v6(address: &str) -> Ipv6Addr {
    address.parse().expect("an IPv6 address")
}

/// The MAC address of a group (RFC 2464 §7).
pub fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}
