//! IPv6 Neighbor Discovery (RFC 4861), as far as a bridge answers it.

use crate::{
    addr::{self, Addr, Mac},
    csum,
};

/// ICMPv6, as an IPv6 header names it.
pub const ICMPV6: u8 = 58;
/// ICMPv6 type: router solicitation (RFC 4861 §4.1).
pub const ROUTER_SOLICITATION: u8 = 133;
/// ICMPv6 type: router advertisement (RFC 4861 §4.2).
pub const ROUTER_ADVERTISEMENT: u8 = 134;
/// ICMPv6 type: neighbour solicitation (RFC 4861 §4.3).
pub const SOLICITATION: u8 = 135;
/// ICMPv6 type: neighbour advertisement (RFC 4861 §4.4).
pub const ADVERTISEMENT: u8 = 136;
/// ICMPv6 type: redirect (RFC 4861 §4.5).
pub const REDIRECT: u8 = 137;
/// Octets of a solicitation or advertisement without options.
pub const MESSAGE_LEN: usize = 24;
/// Octets of a link-layer address option for Ethernet (RFC 4861 §4.6.1).
pub const OPTION_LEN: usize = 8;
/// Octets of a frame with an advertisement that has one.
pub const FRAME_LEN: usize = 14 + 40 + MESSAGE_LEN + OPTION_LEN;

/// The hop limit of every message: one that was forwarded has a lower one (RFC 4861 §7.1).
pub const HOP_LIMIT: u8 = 255;
/// Bit of an advertisement's flags: it answers a solicitation.
pub const SOLICITED: u8 = 1 << 6;
/// Option: the sender's link-layer address.
pub const SOURCE_LINK_LAYER: u8 = 1;
/// Option: the target's link-layer address.
pub const TARGET_LINK_LAYER: u8 = 2;

/// Every node of a link (RFC 4291 §2.7.1).
pub const ALL_NODES: Addr = Addr::new([0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
/// The MAC that it maps to (RFC 2464 §7).
pub const ALL_NODES_MAC: Mac = [0x33, 0x33, 0, 0, 0, 1];

const OVERRIDE: u8 = 1 << 5;
const PAYLOAD_LEN: u8 = (MESSAGE_LEN + OPTION_LEN) as u8;

/// The MAC of a link-layer address option of this kind.
#[inline(always)]
pub const fn option(kind: u8, b: &[u8; OPTION_LEN]) -> Option<Mac> {
    if b[0] == kind && b[1] == 1 {
        Some([b[2], b[3], b[4], b[5], b[6], b[7]])
    } else {
        None
    }
}

/// An advertisement.
#[derive(Clone, Copy, Debug)]
pub struct Advertisement<'a> {
    /// The address that was asked for.
    pub target: &'a Addr,
    /// Who has it.
    pub mac: &'a Mac,
    /// Who asked, or [`ALL_NODES`] where that was a probe, which has no address: it is not solicited then.
    pub to: &'a Addr,
    /// The MAC of who asked.
    pub to_mac: &'a Mac,
}

/// Writes the frame of an advertisement, checksum included (RFC 4861 §7.2.4).
#[inline(always)]
pub fn advertise(a: &Advertisement<'_>, out: &mut [u8; FRAME_LEN]) {
    out[0..6].copy_from_slice(a.to_mac);
    out[6..12].copy_from_slice(a.mac);
    out[12..14].copy_from_slice(&[0x86, 0xdd]);
    out[14..22].copy_from_slice(&[0x60, 0, 0, 0, 0, PAYLOAD_LEN, ICMPV6, HOP_LIMIT]);
    out[22..38].copy_from_slice(&a.target.octets);
    out[38..54].copy_from_slice(&a.to.octets);
    let flags = if addr::is_multicast(a.to) {
        OVERRIDE
    } else {
        SOLICITED | OVERRIDE
    };
    out[54..62].copy_from_slice(&[ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0]);
    out[62..78].copy_from_slice(&a.target.octets);
    out[78..80].copy_from_slice(&[TARGET_LINK_LAYER, 1]);
    out[80..86].copy_from_slice(a.mac);
    let sum = csum::icmpv6(out);
    out[56..58].copy_from_slice(&sum.to_be_bytes());
}
