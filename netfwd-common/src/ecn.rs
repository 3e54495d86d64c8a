//! Explicit congestion notification over a tunnel, RFC 6040.

/// The ECN bits of a TOS or traffic class octet.
pub const MASK: u8 = 0b11;
/// Not ECN-capable.
pub const NOT_ECT: u8 = 0b00;
/// Congestion experienced.
pub const CE: u8 = 0b11;

/// The outer TOS for an inner one, in normal mode: the ECN field is copied (RFC 6040 §4.1).
/// `tos` is the configured DSCP octet, or `None` to inherit the inner one.
#[inline(always)]
pub const fn encapsulate(inner: u8, tos: Option<u8>) -> u8 {
    match tos {
        Some(tos) => (tos & !MASK) | (inner & MASK),
        None => inner,
    }
}

/// The inner TOS after decapsulation, or `None` where the packet must be dropped: the outer says
/// congestion and the inner sender cannot be told (RFC 6040 §4.2, figure 4).
#[inline(always)]
pub const fn decapsulate(outer: u8, inner: u8) -> Option<u8> {
    const ECT1: u8 = 0b01;
    const ECT0: u8 = 0b10;
    match (outer & MASK, inner & MASK) {
        (CE, NOT_ECT) => None,
        (CE, _) => Some(inner | CE),
        (ECT1, ECT0) => Some((inner & !MASK) | ECT1),
        _ => Some(inner),
    }
}
