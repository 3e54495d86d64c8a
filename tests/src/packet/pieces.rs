//! Datagrams in pieces.

use super::{Ipv4, Ipv6};

/// Octets of an IPv4 header without options, and of an IPv6 header.
const V4_LEN: usize = 20;
const V6_LEN: usize = 40;
const FRAGMENT: u8 = 44;
const UNIT: usize = 8;

/// Where the pieces of so many octets start, but for the last of them a multiple of eight, and what they have.
fn split(payload: &[u8], octets: usize) -> Vec<(usize, bool, &[u8])> {
    assert_eq!(octets % UNIT, 0, "pieces start at multiples of {UNIT}");
    let last = payload.len().div_ceil(octets) - 1;
    let pieces = payload.chunks(octets).enumerate();
    pieces
        .map(|(index, piece)| (index * octets, index != last, piece))
        .collect()
}

/// An IPv4 packet of this header in fragments of so many octets each.
pub fn pieces(ip: Ipv4, packet: &[u8], octets: usize) -> Vec<Vec<u8>> {
    let proto = packet[9];
    let piece = |(at, more, piece): (usize, bool, &[u8])| {
        let fragment = (at / UNIT) as u16 | if more { Ipv4::MORE_FRAGMENTS } else { 0 };
        Ipv4 { fragment, ..ip }.packet(proto, piece)
    };
    split(&packet[V4_LEN..], octets)
        .into_iter()
        .map(piece)
        .collect()
}

/// The same of an IPv6 packet, with this identification.
pub fn pieces_v6(ip: Ipv6, packet: &[u8], octets: usize, id: u32) -> Vec<Vec<u8>> {
    let next = packet[6];
    let piece = |(at, more, piece): (usize, bool, &[u8])| {
        let [high, low] = (at as u16 | u16::from(more)).to_be_bytes();
        let header = [&[next, 0, high, low], &id.to_be_bytes()[..]].concat();
        ip.packet(FRAGMENT, &[&header[..], piece].concat())
    };
    split(&packet[V6_LEN..], octets)
        .into_iter()
        .map(piece)
        .collect()
}
