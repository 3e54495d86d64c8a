//! IPv4 packets with what they carry.

use std::net::Ipv4Addr;

use super::{sum, v4};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Flags of a TCP header.
pub mod tcp_flags {
    /// FIN.
    pub const FIN: u8 = 0x01;
    /// SYN.
    pub const SYN: u8 = 0x02;
    /// RST.
    pub const RST: u8 = 0x04;
    /// PSH.
    pub const PSH: u8 = 0x08;
    /// ACK.
    pub const ACK: u8 = 0x10;
}

/// An IPv4 header; its methods put a payload behind it and fill in lengths and checksums.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4 {
    /// Source address.
    pub src: Ipv4Addr,
    /// Destination address.
    pub dst: Ipv4Addr,
    /// TOS.
    pub tos: u8,
    /// Identification.
    pub id: u16,
    /// Flags and fragment offset as they stand on the wire; DF unless changed.
    pub fragment: u16,
    /// Time to live.
    pub ttl: u8,
}

/// A TCP header.
#[derive(Clone, Copy, Debug)]
pub struct Tcp {
    /// Source l4 port.
    pub src_port: u16,
    /// Destination l4 port.
    pub dst_port: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags.
    pub flags: u8,
}

impl Tcp {
    /// The first segment of a connection.
    pub fn syn(src_port: u16, dst_port: u16) -> Self {
        Self {
            src_port,
            dst_port,
            seq: 1000,
            ack: 0,
            flags: tcp_flags::SYN,
        }
    }

    /// The header without options or checksum, and a payload.
    pub(super) fn segment(&self, payload: &[u8]) -> Vec<u8> {
        const WORDS: u8 = 5 << 4;
        const WINDOW: [u8; 2] = [0xff, 0xff];
        [
            &self.src_port.to_be_bytes()[..],
            &self.dst_port.to_be_bytes(),
            &self.seq.to_be_bytes(),
            &self.ack.to_be_bytes(),
            &[WORDS, self.flags],
            &WINDOW,
            &[0; 4],
            payload,
        ]
        .concat()
    }
}

impl Ipv4 {
    /// More fragments follow.
    pub const MORE_FRAGMENTS: u16 = 0x2000;
    /// Do not fragment.
    pub const DONT_FRAGMENT: u16 = 0x4000;

    /// A header between two addresses as a test writes them.
    pub fn new(src: &str, dst: &str) -> Self {
        Self::between(v4(src), v4(dst))
    }

    /// A header between two addresses.
    pub fn between(src: Ipv4Addr, dst: Ipv4Addr) -> Self {
        Self {
            src,
            dst,
            tos: 0,
            id: 0,
            fragment: Self::DONT_FRAGMENT,
            ttl: 64,
        }
    }

    /// A packet of any protocol; `payload` is all that follows the header.
    pub fn packet(&self, proto: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = self.header(proto, payload.len());
        let check = !sum(&[&header]);
        header[10..12].copy_from_slice(&check.to_be_bytes());
        [&header, payload].concat()
    }

    fn header(&self, proto: u8, payload: usize) -> [u8; 20] {
        let mut header = [0; 20];
        header[..2].copy_from_slice(&[0x45, self.tos]);
        header[2..4].copy_from_slice(&((20 + payload) as u16).to_be_bytes());
        header[4..6].copy_from_slice(&self.id.to_be_bytes());
        header[6..8].copy_from_slice(&self.fragment.to_be_bytes());
        header[8..10].copy_from_slice(&[self.ttl, proto]);
        header[12..16].copy_from_slice(&self.src.octets());
        header[16..20].copy_from_slice(&self.dst.octets());
        header
    }

    /// UDP.
    pub fn udp(&self, src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
        let mut datagram = udp(src_port, dst_port, payload);
        // Zero would say that there is none (RFC 768).
        let check = match self.pseudo(UDP, &datagram) {
            0 => 0xffff,
            check => check,
        };
        datagram[6..8].copy_from_slice(&check.to_be_bytes());
        self.packet(UDP, &datagram)
    }

    /// UDP whose sender left the checksum out.
    pub fn udp_without_checksum(&self, src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
        self.packet(UDP, &udp(src_port, dst_port, payload))
    }

    /// TCP without options.
    pub fn tcp(&self, tcp: &Tcp, payload: &[u8]) -> Vec<u8> {
        let mut segment = tcp.segment(payload);
        let check = self.pseudo(TCP, &segment);
        segment[16..18].copy_from_slice(&check.to_be_bytes());
        self.packet(TCP, &segment)
    }

    /// An ICMP echo request.
    pub fn echo_request(&self, id: u16, seq: u16, payload: &[u8]) -> Vec<u8> {
        self.icmp(
            8,
            0,
            &[&id.to_be_bytes()[..], &seq.to_be_bytes(), payload].concat(),
        )
    }

    /// An ICMP echo reply.
    pub fn echo_reply(&self, id: u16, seq: u16, payload: &[u8]) -> Vec<u8> {
        self.icmp(
            0,
            0,
            &[&id.to_be_bytes()[..], &seq.to_be_bytes(), payload].concat(),
        )
    }

    /// Any ICMP message; `rest` follows the checksum.
    pub fn icmp(&self, kind: u8, code: u8, rest: &[u8]) -> Vec<u8> {
        let check = !sum(&[&[kind, code, 0, 0], rest]);
        self.packet(
            ICMP,
            &[&[kind, code], &check.to_be_bytes()[..], rest].concat(),
        )
    }

    /// The checksum over the pseudo header and `segment`, whose own field is zero.
    fn pseudo(&self, proto: u8, segment: &[u8]) -> u16 {
        let len = (segment.len() as u16).to_be_bytes();
        !sum(&[
            &self.src.octets(),
            &self.dst.octets(),
            &[0, proto],
            &len,
            segment,
        ])
    }
}

fn udp(src_port: u16, dst_port: u16, payload: &[u8]) -> Vec<u8> {
    let len = (8 + payload.len()) as u16;
    [
        &src_port.to_be_bytes()[..],
        &dst_port.to_be_bytes(),
        &len.to_be_bytes(),
        &[0, 0],
        payload,
    ]
    .concat()
}
