//! The outer headers: Ethernet, IPv4 or IPv6, UDP, VXLAN (RFC 7348 §5), and the inner Ethernet header
//! behind them, which has to be written again when room was made in front of it.
//!
//! What all frames to a station have in common is written once, and each frame's own fields on top.

use crate::{
    addr::{Addr, Mac},
    csum,
    limits::{ENCAP_V4, ENCAP_V6},
    maps::Wrap,
    vxlan,
};

/// Octets of an Ethernet header.
const ETH: usize = 14;
/// Octets of UDP and VXLAN headers.
const UDP_VXLAN: u16 = 16;
const VERSION_AND_IHL: u8 = 0x45;
const DF: u16 = 0x4000;
const UDP: u8 = 17;

/// Octets over IPv4, the inner Ethernet header included.
pub const LEN_V4: usize = ENCAP_V4 + ETH;
/// The same over IPv6.
pub const LEN_V6: usize = ENCAP_V6 + ETH;

/// What all frames to a peer have in common. References, so that each octet is read when it is written:
/// the programs have few registers to keep them in.
#[derive(Clone, Copy, Debug)]
pub struct Outer<'a> {
    /// MAC address of the uplink.
    pub src_mac: &'a Mac,
    /// MAC address of the next hop.
    pub dst_mac: &'a Mac,
    /// This host's VTEP.
    pub src: &'a Addr,
    /// The peer, of the same family.
    pub dst: &'a Addr,
    /// UDP destination port of the peer.
    pub dst_port: u16,
    /// Time to live, or hop limit.
    pub ttl: u8,
    /// The network's VNI.
    pub vni: u32,
}

/// What differs from frame to frame.
#[derive(Clone, Copy, Debug)]
pub struct Own {
    /// Octets of the inner frame, Ethernet header included; at most 65,535 less the outer headers.
    pub inner_len: u16,
    /// EtherType of the inner frame.
    pub ether_type: u16,
    /// TOS octet, or traffic class.
    pub tos: u8,
    /// Hash of the inner flow: the flow label (RFC 6438 §3).
    pub hash: u32,
    /// UDP source port.
    pub src_port: u16,
    /// Whether routers must not fragment it; IPv6 ones never do.
    pub df: bool,
    /// Identification where they may (RFC 6864 §4.1).
    pub id: u16,
}

/// Writes what frames over IPv4 have in common.
#[inline(always)]
pub fn common_v4(wrap: &mut Wrap, o: &Outer<'_>) {
    let h = &mut wrap.bytes;
    ethernet(h, o, [0x08, 0x00]);
    h[14..24].copy_from_slice(&[VERSION_AND_IHL, 0, 0, 0, 0, 0, 0, 0, o.ttl, UDP]);
    h[26..30].copy_from_slice(&o.src.octets[12..16]);
    h[30..34].copy_from_slice(&o.dst.octets[12..16]);
    h[36..38].copy_from_slice(&o.dst_port.to_be_bytes());
    h[40..42].copy_from_slice(&[0, 0]);
    h[42..50].copy_from_slice(&vxlan::header(o.vni));
    wrap.sum = word(VERSION_AND_IHL, 0)
        + word(o.ttl, UDP)
        + word(o.src.octets[12], o.src.octets[13])
        + word(o.src.octets[14], o.src.octets[15])
        + word(o.dst.octets[12], o.dst.octets[13])
        + word(o.dst.octets[14], o.dst.octets[15]);
}

/// Writes a frame's own fields: UDP without a checksum (RFC 7348 §5: transmitted as zero).
#[inline(always)]
pub fn own_v4(wrap: &mut Wrap, own: &Own) {
    let total = own.inner_len + UDP_VXLAN + 20;
    let (flags, id) = if own.df { (DF, 0) } else { (0, own.id) };
    let sum = wrap.sum + u32::from(own.tos) + u32::from(total) + u32::from(flags) + u32::from(id);
    let check = !csum::fold(sum);
    let h = &mut wrap.bytes;
    h[15] = own.tos;
    h[16..18].copy_from_slice(&total.to_be_bytes());
    h[18..20].copy_from_slice(&id.to_be_bytes());
    h[20..22].copy_from_slice(&flags.to_be_bytes());
    h[24..26].copy_from_slice(&check.to_be_bytes());
    h[34..36].copy_from_slice(&own.src_port.to_be_bytes());
    h[38..40].copy_from_slice(&(own.inner_len + UDP_VXLAN).to_be_bytes());
    h[62..64].copy_from_slice(&own.ether_type.to_be_bytes());
}

/// Writes what frames over IPv6 have in common: UDP without a checksum, as RFC 6935 §5 and RFC 6936 allow
/// tunnels.
#[inline(always)]
pub fn common_v6(wrap: &mut Wrap, o: &Outer<'_>) {
    let h = &mut wrap.bytes;
    ethernet(h, o, [0x86, 0xdd]);
    h[18..22].copy_from_slice(&[0, 0, UDP, o.ttl]);
    h[22..38].copy_from_slice(&o.src.octets);
    h[38..54].copy_from_slice(&o.dst.octets);
    h[56..58].copy_from_slice(&o.dst_port.to_be_bytes());
    h[60..62].copy_from_slice(&[0, 0]);
    h[62..70].copy_from_slice(&vxlan::header(o.vni));
    wrap.sum = 0;
}

/// Writes a frame's own fields.
#[inline(always)]
pub fn own_v6(wrap: &mut Wrap, own: &Own) {
    let [_, label, b, c] = own.hash.to_be_bytes();
    let len = (own.inner_len + UDP_VXLAN).to_be_bytes();
    let h = &mut wrap.bytes;
    h[14..18].copy_from_slice(&[0x60 | (own.tos >> 4), (own.tos << 4) | (label & 0xf), b, c]);
    h[18..20].copy_from_slice(&len);
    h[54..56].copy_from_slice(&own.src_port.to_be_bytes());
    h[58..60].copy_from_slice(&len);
    h[82..84].copy_from_slice(&own.ether_type.to_be_bytes());
}

/// Writes the inner stations, behind so many octets of outer headers.
#[inline(always)]
pub fn stations(wrap: &mut Wrap, outer: usize, dst: &Mac, src: &Mac) {
    wrap.bytes[outer..outer + 6].copy_from_slice(dst);
    wrap.bytes[outer + 6..outer + 12].copy_from_slice(src);
}

#[inline(always)]
fn ethernet(h: &mut [u8; LEN_V6], o: &Outer<'_>, ether_type: [u8; 2]) {
    h[0..6].copy_from_slice(o.dst_mac);
    h[6..12].copy_from_slice(o.src_mac);
    h[12..14].copy_from_slice(&ether_type);
}

#[inline(always)]
const fn word(high: u8, low: u8) -> u32 {
    u16::from_be_bytes([high, low]) as u32
}
