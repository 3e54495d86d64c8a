//! Headers, read once into plain values.

use netfwd_common::addr::{Addr, Mac, UNSPECIFIED};
use network_types::{
    eth::EthHdr,
    ip::{Ipv4Hdr, Ipv6Hdr},
};

use crate::frame::Frame;

/// Octets of an Ethernet header.
pub const ETH_LEN: usize = EthHdr::LEN;
/// What tells a fragment: "more fragments", or an offset.
pub const MF_AND_OFFSET: u16 = 0x3fff;
/// Octets of an IPv4 header without options.
pub const IP_LEN: usize = Ipv4Hdr::LEN;

/// EtherTypes (IANA).
pub mod ether_type {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
}

/// An Ethernet header.
#[derive(Clone, Copy)]
pub struct Ethernet {
    /// Destination.
    pub dst: Mac,
    /// Source.
    pub src: Mac,
    /// EtherType.
    pub ether_type: u16,
}

impl Ethernet {
    /// The header at `offset`.
    #[inline(always)]
    pub fn read(frame: &impl Frame, offset: usize) -> Option<Self> {
        let (head, middle, tail) = frame.words(offset)?;
        let (a, b) = (head.to_ne_bytes(), middle.to_ne_bytes());
        Some(Self {
            dst: [a[0], a[1], a[2], a[3], a[4], a[5]],
            src: [a[6], a[7], b[0], b[1], b[2], b[3]],
            ether_type: u16::from_be(tail),
        })
    }
}

/// What forwarding needs of an IPv4 header.
#[derive(Clone, Copy)]
pub struct Ipv4 {
    /// Octets of the header, options included.
    pub header_len: usize,
    /// TOS.
    pub tos: u8,
    /// Octets of the packet.
    pub total_len: u16,
    /// Whether it is a fragment, the first one included.
    pub fragment: bool,
    /// Whether it must not be fragmented.
    pub df: bool,
    /// Time to live.
    pub ttl: u8,
    /// Protocol.
    pub proto: u8,
    /// Source.
    pub src: [u8; 4],
    /// Destination.
    pub dst: [u8; 4],
}

impl Ipv4 {
    /// The header at `offset`, or `None` where it is cut off or contradicts itself.
    #[inline(always)]
    pub fn read(frame: &impl Frame, offset: usize) -> Option<Self> {
        let b: [u8; IP_LEN] = frame.read(offset)?;
        let header_len = usize::from(b[0] & 0x0f) * 4;
        let total_len = u16::from_be_bytes([b[2], b[3]]);
        let bad_version = b[0] >> 4 != 4;
        if bad_version || header_len < IP_LEN || usize::from(total_len) < header_len {
            return None;
        }
        Some(Self {
            header_len,
            tos: b[1],
            total_len,
            fragment: u16::from_be_bytes([b[6], b[7]]) & MF_AND_OFFSET != 0,
            df: b[6] & 0x40 != 0,
            ttl: b[8],
            proto: b[9],
            src: [b[12], b[13], b[14], b[15]],
            dst: [b[16], b[17], b[18], b[19]],
        })
    }

    /// Whether the packet, which starts at `offset`, lies within the frame.
    #[inline(always)]
    pub fn fits(&self, frame: &impl Frame, offset: usize) -> bool {
        offset + usize::from(self.total_len) <= frame.octets()
    }
}

/// What decapsulation needs of an IPv6 header.
#[derive(Clone, Copy)]
pub struct Ipv6 {
    /// Traffic class.
    pub traffic_class: u8,
    /// What follows the header.
    pub next_header: u8,
    /// Octets of the packet.
    pub total_len: usize,
    /// Hops to live.
    pub hops: u8,
    /// Source.
    pub src: Addr,
    /// Destination.
    pub dst: Addr,
}

impl Ipv6 {
    /// The header at `offset`, or `None` where it is cut off or is none.
    #[inline(always)]
    pub fn read(frame: &impl Frame, offset: usize) -> Option<Self> {
        let b: [u8; Ipv6Hdr::LEN] = frame.read(offset)?;
        (b[0] >> 4 == 6).then_some(Self {
            traffic_class: (b[0] << 4) | (b[1] >> 4),
            next_header: b[6],
            total_len: Ipv6Hdr::LEN + usize::from(u16::from_be_bytes([b[4], b[5]])),
            hops: b[7],
            src: addr(&b, 8),
            dst: addr(&b, 24),
        })
    }
}

#[inline(always)]
fn addr(octets: &[u8; Ipv6Hdr::LEN], at: usize) -> Addr {
    let mut address = UNSPECIFIED;
    address.octets.copy_from_slice(&octets[at..at + 16]);
    address
}

/// Where the l4 header of an IPv4 packet without options starts.
pub const L4: usize = ETH_LEN + IP_LEN;
