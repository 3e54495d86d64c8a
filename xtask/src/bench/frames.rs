//! The frames of a load: UDP datagrams of some flows, in one length or in many.

use std::net::{Ipv4Addr, SocketAddrV4};

/// The l4 port of the first flow.
const FIRST_PORT: u16 = 1024;
/// The shortest frame, 64 octets with its check sequence.
pub const SHORTEST: usize = 60;
/// The Internet's mix of lengths, 7:4:1, without check sequences.
const IMIX: [usize; 12] = [60, 590, 60, 60, 590, 60, 1514, 60, 590, 60, 590, 60];
/// Octets before a datagram's payload.
const HEADERS: usize = 14 + 20 + 8;

/// Lengths of frames.
#[derive(Debug, Clone, Copy)]
pub enum Lengths {
    /// 64 octets each.
    Shortest,
    /// Seven of 64 octets, four of 594, and one of 1518 or what fits this MTU.
    Mixed {
        /// The most octets of an IP packet.
        mtu: usize,
    },
}

/// Who sends datagrams to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Talk {
    /// MACs of destination and source.
    pub macs: [[u8; 6]; 2],
    /// The source's address; each flow has an l4 port of its own.
    pub from: Ipv4Addr,
    /// The destination.
    pub to: SocketAddrV4,
}

impl Talk {
    /// A frame for each flow.
    pub fn frames(self, lengths: Lengths) -> Vec<Vec<u8>> {
        let all = 0..lengths.flows();
        all.map(|flow| self.frame(flow, lengths.of(flow))).collect()
    }

    /// The other end's answer to a flow's shortest frame, whose MACs are the other end's.
    pub fn answer(self, macs: [[u8; 6]; 2], flow: u16) -> Vec<u8> {
        let to = SocketAddrV4::new(self.from, FIRST_PORT + flow);
        shortest(macs, self.to, to)
    }

    /// The frame of a flow.
    pub fn frame(self, flow: u16, length: usize) -> Vec<u8> {
        let from = SocketAddrV4::new(self.from, FIRST_PORT + flow);
        datagram(self.macs, from, self.to, length)
    }
}

/// A UDP datagram in the shortest frame, to the first of these MACs and from the second.
pub fn shortest(macs: [[u8; 6]; 2], from: SocketAddrV4, to: SocketAddrV4) -> Vec<u8> {
    datagram(macs, from, to, SHORTEST)
}

fn datagram(macs: [[u8; 6]; 2], from: SocketAddrV4, to: SocketAddrV4, length: usize) -> Vec<u8> {
    let [total, udp] = [length - 14, length - 34].map(|octets| (octets as u16).to_be_bytes());
    let fixed = [0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 17, 0, 0];
    let mut ip = [&fixed[..], &from.ip().octets(), &to.ip().octets()].concat();
    let check = checksum(&ip);
    ip[10..12].copy_from_slice(&check.to_be_bytes());
    let ports = [from, to].map(|end| end.port().to_be_bytes()).concat();
    let ethernet = [&macs.concat()[..], &[0x08, 0]].concat();
    let payload = vec![0; length - HEADERS];
    [&ethernet[..], &ip, &ports, &udp, &[0, 0], &payload].concat()
}

impl Lengths {
    /// How many flows a load has, and frames before they come again.
    pub const fn flows(self) -> u16 {
        match self {
            Self::Shortest => 64,
            Self::Mixed { .. } => 5 * IMIX.len() as u16,
        }
    }

    fn of(self, flow: u16) -> usize {
        match self {
            Self::Shortest => SHORTEST,
            Self::Mixed { mtu } => IMIX[usize::from(flow) % IMIX.len()].min(mtu + 14),
        }
    }
}

/// A MAC address as commands write it.
pub fn text(mac: [u8; 6]) -> String {
    mac.map(|octet| format!("{octet:02x}")).join(":")
}

/// The checksum of headers of even length whose own field is zero (RFC 1071).
pub fn checksum(headers: &[u8]) -> u16 {
    let words = headers.chunks(2);
    let sum: u32 = words
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    // What the first fold carries over.
    !(folded + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const TALK: Talk = Talk {
        macs: [[2; 6], [4; 6]],
        from: Ipv4Addr::new(10, 0, 3, 11),
        to: SocketAddrV4::new(Ipv4Addr::new(10, 0, 3, 12), 9),
    };

    #[test]
    fn frames_have_their_length_and_a_right_header() {
        for length in [SHORTEST, 590] {
            let frame = TALK.frame(7, length);
            assert_eq!(frame.len(), length);
            assert_eq!(checksum(&frame[14..34]), 0);
        }
    }

    #[test]
    fn a_mix_is_of_seven_four_and_one() {
        let frames = TALK.frames(Lengths::Mixed { mtu: 1450 });
        let of = |length| frames.iter().filter(|frame| frame.len() == length).count();
        assert_eq!([of(60), of(590), of(1464)], [35, 20, 5]);
    }
}
