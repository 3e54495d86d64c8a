//! Frames, built and checked independently of netfwd's own code, so that one mistake cannot stand
//! on both sides of a comparison.
//!
//! A frame is written from the outside in:
//! ```
//! use tests::packet::{Ipv4, ethernet, ether_type};
//! let ip = Ipv4::new("10.0.3.11", "10.0.3.12").udp(1000, 53, b"question");
//! let frame = ethernet([2, 0, 0, 0, 0, 12], [2, 0, 0, 0, 0, 11], ether_type::IPV4, &ip);
//! assert_eq!(frame.len(), 14 + 20 + 8 + 8);
//! ```

mod check;
mod complete;
mod fragments;
mod group;
mod ipv4;
mod ipv6;
mod pieces;
mod raw;

pub use check::checksums;
pub use complete::{complete, mend_ipv4};
pub use fragments::{fragments, fragments_v6};
pub use group::{
    Record, igmp_leave, igmp_query, igmp_report, igmp_v3_report, mld_done, mld_query, mld_report,
    mld_v2_report, to_group, to_group_v6,
};
pub use ipv4::{Ipv4, Tcp, tcp_flags};
pub use ipv6::{Ipv6, group_mac, v6};
pub use pieces::{pieces, pieces_v6};
pub use raw::{RawSocket, link_address};

use std::net::{Ipv4Addr, Ipv6Addr};

/// A MAC address.
pub type Mac = [u8; 6];

/// The broadcast MAC address.
pub const BROADCAST: Mac = [0xff; 6];
/// Octets of an Ethernet header.
pub const ETH_LEN: usize = 14;
/// The shortest frame on a wire, without its check sequence.
pub const MIN_LEN: usize = 60;

/// EtherTypes.
pub mod ether_type {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
    /// An 802.1Q tag.
    pub const C_TAG: u16 = 0x8100;
    /// An 802.1ad tag.
    pub const S_TAG: u16 = 0x88a8;
}

/// Parses an IPv4 address that a test wrote down.
pub fn v4(address: &str) -> Ipv4Addr {
    address
        .parse()
        .unwrap_or_else(|_| panic!("{address} is no IPv4 address"))
}

/// Parses a MAC address that a test wrote down.
pub fn mac(address: &str) -> Mac {
    let octets: Vec<u8> = address
        .split(':')
        .map(|octet| u8::from_str_radix(octet, 16).expect("a hexadecimal octet"))
        .collect();
    octets.try_into().expect("a MAC address has six octets")
}

/// An Ethernet frame.
pub fn ethernet(dst: Mac, src: Mac, ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&dst[..], &src, &ether_type.to_be_bytes(), payload].concat()
}

/// The frame with a tag of this EtherType in front of what it carries.
pub fn tagged(frame: &[u8], ether_type: u16, tci: u16) -> Vec<u8> {
    const MACS: usize = 12;
    let tag = [ether_type, tci].map(u16::to_be_bytes).concat();
    [&frame[..MACS], &tag, &frame[MACS..]].concat()
}

/// An ARP request: who has `target`, tell `sender`.
pub fn arp_request(src: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let payload = arp(1, src, sender, [0; 6], target);
    ethernet(BROADCAST, src, ether_type::ARP, &payload)
}

/// An ARP reply: `sender` is at `src`.
pub fn arp_reply(dst: Mac, src: Mac, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    ethernet(dst, src, ether_type::ARP, &arp(2, src, sender, dst, target))
}

fn arp(operation: u16, sha: Mac, spa: Ipv4Addr, tha: Mac, tpa: Ipv4Addr) -> Vec<u8> {
    const ETHERNET_IPV4: [u8; 6] = [0, 1, 0x08, 0, 6, 4];
    [
        &ETHERNET_IPV4[..],
        &operation.to_be_bytes(),
        &sha,
        &spa.octets(),
        &tha,
        &tpa.octets(),
    ]
    .concat()
}

/// What stands around an inner frame on the underlay.
#[derive(Clone, Copy, Debug)]
pub struct Vxlan {
    /// MAC address of the receiver.
    pub dst_mac: Mac,
    /// MAC address of the sender.
    pub src_mac: Mac,
    /// The sending VTEP.
    pub src: Ipv4Addr,
    /// The receiving VTEP.
    pub dst: Ipv4Addr,
    /// UDP source port.
    pub src_port: u16,
    /// UDP destination port.
    pub dst_port: u16,
    /// TOS of the outer header.
    pub tos: u8,
    /// First octet of the VXLAN header.
    pub flags: u8,
    /// The VNI.
    pub vni: u32,
}

impl Vxlan {
    /// VXLAN on port 4789 with the I flag.
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr, vni: u32) -> Self {
        Self {
            dst_mac: [0; 6],
            src_mac: [0; 6],
            src,
            dst,
            src_port: 50_000,
            dst_port: 4789,
            tos: 0,
            flags: 0x08,
            vni,
        }
    }

    /// From one MAC to another.
    #[must_use]
    pub fn macs(mut self, src: Mac, dst: Mac) -> Self {
        (self.src_mac, self.dst_mac) = (src, dst);
        self
    }

    /// The frame on the underlay, without a UDP checksum (RFC 7348 §5).
    pub fn wrap(&self, inner: &[u8]) -> Vec<u8> {
        let [_, a, b, c] = self.vni.to_be_bytes();
        let payload = [&[self.flags, 0, 0, 0, a, b, c, 0], inner].concat();
        let ip = Ipv4 {
            tos: self.tos,
            ..Ipv4::between(self.src, self.dst)
        }
        .udp_without_checksum(self.src_port, self.dst_port, &payload);
        ethernet(self.dst_mac, self.src_mac, ether_type::IPV4, &ip)
    }

    /// The frame on an IPv6 underlay, between VTEPs there, without a UDP checksum (RFC 6935 §5).
    pub fn wrap_v6(&self, inner: &[u8], src: Ipv6Addr, dst: Ipv6Addr) -> Vec<u8> {
        const UDP: u8 = 17;
        let [_, a, b, c] = self.vni.to_be_bytes();
        let len = (16 + inner.len()) as u16;
        let words = [self.src_port, self.dst_port, len, 0].map(u16::to_be_bytes);
        let udp = [
            &words.concat()[..],
            &[self.flags, 0, 0, 0, a, b, c, 0],
            inner,
        ]
        .concat();
        let mut ip = Ipv6 { src, dst, hops: 64 }.packet(UDP, &udp);
        ip[0] |= self.tos >> 4;
        ip[1] |= self.tos << 4;
        ethernet(self.dst_mac, self.src_mac, ether_type::IPV6, &ip)
    }
}

/// The one's complement sum of RFC 1071 over all parts, each of even length but the last.
fn sum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum: u64 = bytes
        .chunks(2)
        .map(|word| u64::from(word[0]) << 8 | word.get(1).copied().map_or(0, u64::from))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_header_has_its_known_checksum() {
        // The worked example of RFC 1071 §3.
        assert_eq!(
            sum(&[&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]]),
            0xddf2
        );
    }

    #[test]
    fn what_is_built_checks() {
        let ip = Ipv4::new("10.0.3.11", "10.0.3.12");
        for packet in [
            ip.udp(1, 2, b"odd"),
            ip.tcp(&Tcp::syn(1, 2), b""),
            ip.echo_request(7, 1, b"ping"),
        ] {
            let inner = ethernet([2; 6], [4; 6], ether_type::IPV4, &packet);
            checksums(&inner).unwrap();
            checksums(&Vxlan::new(v4("172.31.0.1"), v4("172.31.0.2"), 9).wrap(&inner)).unwrap();
        }
    }

    #[test]
    fn a_flipped_bit_is_noticed() {
        let ip = Ipv4::new("10.0.3.11", "10.0.3.12").udp(1, 2, b"payload");
        let frame = ethernet([2; 6], [4; 6], ether_type::IPV4, &ip);
        for at in ETH_LEN..frame.len() {
            let mut bad = frame.clone();
            bad[at] ^= 0x10;
            assert!(checksums(&bad).is_err(), "octet {at}");
        }
    }
}
