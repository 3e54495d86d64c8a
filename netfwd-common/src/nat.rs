//! Choices of address and port translation that need no map.

use crate::flow;

/// IP protocol numbers that NAT translates (IANA).
pub mod proto {
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// `ICMPv6`.
    pub const ICMPV6: u8 = 58;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// The l4 port, or ICMP identifier, to try on the outside address for attempt `attempt`.
///
/// The first attempt keeps the inside port where it lies in the range (RFC 4787 REQ-3 asks for no
/// preservation but allows it; users of DNS and RTP are glad of it); the others walk the range from
/// a hashed start, so that concurrent flows do not try the same ports in the same order.
#[inline(always)]
pub const fn candidate(inside: u16, low: u16, high: u16, hash: u32, attempt: u32) -> u16 {
    if attempt == 0 && inside >= low && inside <= high {
        return inside;
    }
    flow::scale(flow::mix(hash, attempt), low, high)
}
