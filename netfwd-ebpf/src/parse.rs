//! Headers, read once into plain values.

use netfwd_common::{
    addr::{Mac, from_v4},
    maps::SessionKey,
    nat::proto,
};
use network_types::{
    eth::EthHdr,
    ip::{Ipv4Hdr, Ipv6Hdr},
};

use crate::frame::Frame;

/// Octets of an Ethernet header.
pub const ETH_LEN: usize = EthHdr::LEN;
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
        const MF_AND_OFFSET: u16 = 0x3fff;
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
        })
    }
}

/// Where the l4 header of a packet without IP options starts.
pub const L4: usize = ETH_LEN + IP_LEN;

/// The flow that a translatable packet belongs to.
#[repr(C)]
pub struct Flow {
    /// The key of its session.
    pub key: SessionKey,
    /// TCP flags.
    pub tcp_flags: u8,
    /// Zero.
    pub pad: [u8; 3],
}

impl Flow {
    /// Reads the flow of a packet behind an Ethernet header, seen from `network`, or from outside
    /// where that is 0; `None` where masquerade does not know the protocol, the packet is a fragment,
    /// or the l4 header is cut off.
    #[inline(always)]
    pub fn read(&mut self, frame: &impl Frame, ip: &Ipv4, network: u32) -> Option<()> {
        // Options move the l4 header; such packets are rare, and the slow way's.
        if ip.fragment || ip.header_len != IP_LEN {
            return None;
        }
        let b: [u8; 8] = frame.read(L4)?;
        let (src_port, dst_port) = ports(ip.proto, &b)?;
        self.tcp_flags = if ip.proto == proto::TCP {
            frame.read::<1>(L4 + 13)?[0]
        } else {
            0
        };
        self.key.src = from_v4(ip.src);
        self.key.dst = from_v4(ip.dst);
        self.key.network = network;
        self.key.src_port = src_port;
        self.key.dst_port = dst_port;
        self.key.proto = ip.proto;
        self.key.pad = [0; 3];
        Some(())
    }
}

/// The l4 ports of a header that starts with `b`. An echo's identifier takes the place of the port of
/// the side that sent the request, so that both directions read as one session.
#[inline(always)]
fn ports(protocol: u8, b: &[u8; 8]) -> Option<(u16, u16)> {
    const ECHO_REPLY: u8 = 0;
    const ECHO_REQUEST: u8 = 8;
    let id = u16::from_be_bytes([b[4], b[5]]);
    match (protocol, b[0]) {
        (proto::TCP | proto::UDP, _) => Some((
            u16::from_be_bytes([b[0], b[1]]),
            u16::from_be_bytes([b[2], b[3]]),
        )),
        (proto::ICMP, ECHO_REQUEST) => Some((id, 0)),
        (proto::ICMP, ECHO_REPLY) => Some((0, id)),
        _ => None,
    }
}
