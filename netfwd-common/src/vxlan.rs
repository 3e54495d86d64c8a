//! The VXLAN header, RFC 7348 §5, and the outer headers in front of it.

use crate::{
    addr::{Addr, Mac},
    csum,
};

/// Octets of the VXLAN header.
pub const HEADER_LEN: usize = 8;
/// The I flag: the VNI is valid.
pub const FLAG_VNI: u8 = 0x08;
/// Largest VNI: 24 bits.
pub const MAX_VNI: u32 = 0x00ff_ffff;

/// Builds the header for a VNI; reserved bits are zero.
#[inline(always)]
pub const fn header(vni: u32) -> [u8; HEADER_LEN] {
    let [_, a, b, c] = vni.to_be_bytes();
    [FLAG_VNI, 0, 0, 0, a, b, c, 0]
}

/// The VNI of a header, or `None` without the I flag. Reserved bits are ignored on receipt.
#[inline(always)]
pub const fn vni(header: &[u8; HEADER_LEN]) -> Option<u32> {
    if header[0] & FLAG_VNI == 0 {
        return None;
    }
    Some(u32::from_be_bytes([0, header[4], header[5], header[6]]))
}

/// What the outer headers of one frame are made of. References, so that each octet is read when it is
/// written: the programs have few registers to keep them in.
#[derive(Clone, Copy, Debug)]
pub struct Outer<'a> {
    /// MAC address of the uplink.
    pub src_mac: &'a Mac,
    /// MAC address of the next hop.
    pub dst_mac: &'a Mac,
    /// This host's VTEP, an IPv4 address.
    pub src: &'a Addr,
    /// The peer, an IPv4 address.
    pub dst: &'a Addr,
    /// UDP source port: the inner flow's hash.
    pub src_port: u16,
    /// UDP destination port of the peer.
    pub dst_port: u16,
    /// TOS octet.
    pub tos: u8,
    /// Time to live.
    pub ttl: u8,
    /// Octets of the inner frame, Ethernet header included.
    pub inner_len: u16,
    /// The network's VNI.
    pub vni: u32,
}

/// Writes the 50 octets in front of the inner frame: Ethernet, IPv4 with DF, UDP without a checksum
/// (RFC 7348 §5: transmitted as zero), VXLAN. In place, for the programs' stack is small.
#[inline(always)]
pub fn outer_v4(h: &mut [u8; 50], o: &Outer<'_>) {
    h[0..6].copy_from_slice(o.dst_mac);
    h[6..12].copy_from_slice(o.src_mac);
    h[12..14].copy_from_slice(&[0x08, 0x00]);
    h[14..16].copy_from_slice(&[VERSION_AND_IHL, o.tos]);
    h[16..18].copy_from_slice(&(o.inner_len + 36).to_be_bytes());
    h[18..22].copy_from_slice(&[0, 0, DF, 0]);
    h[22..24].copy_from_slice(&[o.ttl, UDP]);
    h[24..26].copy_from_slice(&ipv4_checksum(o).to_be_bytes());
    h[26..30].copy_from_slice(&o.src[12..16]);
    h[30..34].copy_from_slice(&o.dst[12..16]);
    h[34..36].copy_from_slice(&o.src_port.to_be_bytes());
    h[36..38].copy_from_slice(&o.dst_port.to_be_bytes());
    h[38..40].copy_from_slice(&(o.inner_len + 16).to_be_bytes());
    h[40..42].copy_from_slice(&[0, 0]);
    h[42..50].copy_from_slice(&header(o.vni));
}

const VERSION_AND_IHL: u8 = 0x45;
const DF: u8 = 0x40;
const UDP: u8 = 17;

/// The outer IPv4 header's checksum, from its fields.
#[inline(always)]
const fn ipv4_checksum(o: &Outer<'_>) -> u16 {
    let sum = word(VERSION_AND_IHL, o.tos)
        + o.inner_len as u32
        + 36
        + word(DF, 0)
        + word(o.ttl, UDP)
        + word(o.src[12], o.src[13])
        + word(o.src[14], o.src[15])
        + word(o.dst[12], o.dst[13])
        + word(o.dst[14], o.dst[15]);
    !csum::fold(sum)
}

#[inline(always)]
const fn word(high: u8, low: u8) -> u32 {
    u16::from_be_bytes([high, low]) as u32
}
