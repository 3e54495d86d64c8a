//! The VXLAN header, RFC 7348 §5, and the outer headers in front of it.

use crate::csum;

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

/// What the outer headers of one frame are made of.
#[derive(Clone, Copy, Debug)]
pub struct Outer {
    /// MAC address of the uplink.
    pub src_mac: [u8; 6],
    /// MAC address of the next hop.
    pub dst_mac: [u8; 6],
    /// This host's VTEP.
    pub src: [u8; 4],
    /// The peer.
    pub dst: [u8; 4],
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

/// The 50 octets in front of the inner frame: Ethernet, IPv4 with DF, UDP without a checksum
/// (RFC 7348 §5: transmitted as zero), VXLAN.
#[inline(always)]
pub fn outer_v4(o: &Outer) -> [u8; 50] {
    let mut h = [0u8; 50];
    h[0..6].copy_from_slice(&o.dst_mac);
    h[6..12].copy_from_slice(&o.src_mac);
    h[12..14].copy_from_slice(&[0x08, 0x00]);
    h[14..34].copy_from_slice(&ipv4(o));
    h[34..36].copy_from_slice(&o.src_port.to_be_bytes());
    h[36..38].copy_from_slice(&o.dst_port.to_be_bytes());
    h[38..40].copy_from_slice(&(o.inner_len + 16).to_be_bytes());
    h[42..50].copy_from_slice(&header(o.vni));
    h
}

#[inline(always)]
fn ipv4(o: &Outer) -> [u8; 20] {
    const DF: u8 = 0x40;
    const UDP: u8 = 17;
    let [len_hi, len_lo] = (o.inner_len + 36).to_be_bytes();
    let mut ip = [
        0x45, o.tos, len_hi, len_lo, 0, 0, DF, 0, o.ttl, UDP, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    ip[12..16].copy_from_slice(&o.src);
    ip[16..20].copy_from_slice(&o.dst);
    let check = csum::ipv4_header(&ip);
    ip[10..12].copy_from_slice(&check.to_be_bytes());
    ip
}
