//! The VXLAN header, RFC 7348 §5.

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

/// Whether a header has any bit set that RFC 7348 §5 reserves.
#[inline(always)]
pub const fn has_reserved(header: &[u8; HEADER_LEN]) -> bool {
    let [flags, a, b, c, _, _, _, last] = *header;
    (flags & !FLAG_VNI) | a | b | c | last != 0
}
