//! What IGMP (RFC 1112, 2236, 3376) and MLD (RFC 2710, 3810) say to a bridge that listens (RFC 4541).

use crate::addr::{Addr, to_v4};

/// The group that stands for "every group" in a router's or querier's entry, in IPv4.
pub const ALL_V4: Addr = crate::addr::from_v4([0; 4]);
/// The same in IPv6.
pub const ALL_V6: Addr = crate::addr::UNSPECIFIED;

/// IGMP message types.
pub mod igmp {
    /// Membership query (RFC 2236 §2.1).
    pub const QUERY: u8 = 0x11;
    /// Version 1 membership report (RFC 1112 appendix I).
    pub const REPORT_V1: u8 = 0x12;
    /// Version 2 membership report (RFC 2236 §2.1).
    pub const REPORT_V2: u8 = 0x16;
    /// Leave group (RFC 2236 §2.1).
    pub const LEAVE: u8 = 0x17;
    /// Version 3 membership report (RFC 3376 §4.2).
    pub const REPORT_V3: u8 = 0x22;
}

/// MLD message types, of ICMPv6.
pub mod mld {
    /// Multicast listener query (RFC 2710 §3.1).
    pub const QUERY: u8 = 130;
    /// Version 1 report (RFC 2710 §3.1).
    pub const REPORT_V1: u8 = 131;
    /// Done (RFC 2710 §3.1).
    pub const DONE: u8 = 132;
    /// Version 2 report (RFC 3810 §5.2).
    pub const REPORT_V2: u8 = 143;
}

/// Whether a group is always flooded: 224.0.0.x, whose members need not report (RFC 4541 §2.1.2), and
/// ff02::1, for which nobody may (RFC 3810 §6).
#[inline(always)]
pub const fn is_local(group: &Addr) -> bool {
    match to_v4(group) {
        Some([224, 0, 0, _]) => true,
        Some(_) => false,
        None => matches!(
            group.octets,
            [0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        ),
    }
}

/// What a group record says of its sender's membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It listens, to some sources at least.
    Joins,
    /// It no longer listens.
    Leaves,
    /// Nothing.
    None,
}

/// Reads the type and number of sources of a group record (RFC 3376 §4.2.12). Sources are not told
/// apart: who listens to one source of a group gets the group.
#[inline(always)]
pub const fn change(kind: u8, sources: u16) -> Change {
    const IS_INCLUDE: u8 = 1;
    const IS_EXCLUDE: u8 = 2;
    const TO_INCLUDE: u8 = 3;
    const TO_EXCLUDE: u8 = 4;
    const ALLOW: u8 = 5;
    match kind {
        IS_INCLUDE | TO_INCLUDE if sources == 0 => Change::Leaves,
        IS_INCLUDE | TO_INCLUDE | IS_EXCLUDE | TO_EXCLUDE => Change::Joins,
        ALLOW if sources != 0 => Change::Joins,
        _ => Change::None,
    }
}

/// How long an IGMP query lets its answers take, in nanoseconds (RFC 3376 §4.1.1); 0 in the code is
/// version 1's ten seconds.
#[inline(always)]
pub const fn igmp_response_ns(code: u8) -> u64 {
    const TENTH: u64 = 100_000_000;
    match code {
        0 => 100 * TENTH,
        1..=127 => code as u64 * TENTH,
        _ => floating(code as u16 & 0x0f, (code as u16 >> 4) & 7, 4) * TENTH,
    }
}

/// How long an MLD query lets its answers take, in nanoseconds (RFC 3810 §5.1.3).
#[inline(always)]
pub const fn mld_response_ns(code: u16) -> u64 {
    const MILLI: u64 = 1_000_000;
    if code < 32768 {
        code as u64 * MILLI
    } else {
        floating(code & 0x0fff, (code >> 12) & 7, 12) * MILLI
    }
}

/// `(mantissa | 1 << bits) << (exponent + 3)`.
const fn floating(mantissa: u16, exponent: u16, bits: u32) -> u64 {
    ((mantissa | 1 << bits) as u64) << (exponent + 3)
}
