//! Packets in pieces.

use super::{Ipv4, ipv6::Ipv6};

const FRAGMENT: u8 = 44;
/// Octets of an IPv4 header without options.
const HEADER: usize = 20;
/// Octets of an IPv6 header.
const HEADER_V6: usize = 40;

/// Fragments of a packet that [`Ipv4`] built, each with so many octets behind its header, a multiple of 8.
pub fn fragments(header: &Ipv4, packet: &[u8], octets: usize) -> Vec<Vec<u8>> {
    let (proto, payload) = (packet[9], &packet[HEADER..]);
    let pieces = payload.chunks(octets).enumerate();
    pieces
        .map(|(number, piece)| {
            let at = number * octets;
            let more = if at + piece.len() < payload.len() {
                Ipv4::MORE_FRAGMENTS
            } else {
                0
            };
            let fragment = more | (at / 8) as u16;
            Ipv4 {
                fragment,
                ..*header
            }
            .packet(proto, piece)
        })
        .collect()
}

/// The same of a packet that [`Ipv6`] built, with an identification.
pub fn fragments_v6(header: &Ipv6, packet: &[u8], octets: usize, id: u32) -> Vec<Vec<u8>> {
    let (next, payload) = (packet[6], &packet[HEADER_V6..]);
    let pieces = payload.chunks(octets).enumerate();
    pieces
        .map(|(number, piece)| {
            let at = number * octets;
            let more = u16::from(at + piece.len() < payload.len());
            let offset = (at as u16 | more).to_be_bytes();
            let extension = [&[next, 0], &offset[..], &id.to_be_bytes(), piece].concat();
            header.packet(FRAGMENT, &extension)
        })
        .collect()
}
