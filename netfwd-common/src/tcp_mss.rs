//! The maximum segment size that a TCP SYN announces, and lowering it to what fits a path (RFC 6691).

/// Octets of a TCP header without options.
pub const HEADER_LEN: u32 = 20;
/// Most octets of options: the data offset counts 15 words at most.
pub const MOST_OPTIONS: u32 = 40;

const END: u8 = 0;
const NO_OPERATION: u8 = 1;
const MSS: u8 = 2;
const MSS_LEN: u8 = 4;

/// Where a walk over options has come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The next option starts here.
    Next(u32),
    /// The value of the MSS option stands here.
    Found(u32),
    /// There is none, or what follows is malformed.
    Nothing,
}

/// What the two octets at `at` of options that have `end` octets come to (RFC 9293 §3.1).
#[inline(always)]
pub const fn step(octets: [u8; 2], at: u32, end: u32) -> Step {
    let [kind, length] = octets;
    match kind {
        END => Step::Nothing,
        NO_OPERATION => Step::Next(at + 1),
        _ if length < 2 || at + length as u32 > end => Step::Nothing,
        MSS if length == MSS_LEN => Step::Found(at + 2),
        MSS => Step::Nothing,
        _ => Step::Next(at + length as u32),
    }
}

/// Octets of the options of a header with this data offset; `None` where it is shorter than a header.
#[inline(always)]
pub const fn options_len(data_offset: u8) -> Option<u32> {
    let header = (data_offset >> 4) as u32 * 4;
    header.checked_sub(HEADER_LEN)
}

/// The MSS to announce in place of `announced` on a path of this MTU, whose packets have so many octets
/// of IP and TCP header: the fixed ones alone, whatever options there are (RFC 6691 §2). `None` where
/// it is to stay as it is: it is never raised.
#[inline(always)]
pub const fn clamped(announced: u16, mtu: u32, headers: u32) -> Option<u16> {
    let most = mtu.saturating_sub(headers);
    if most < announced as u32 {
        Some(most as u16)
    } else {
        None
    }
}

/// A 16-bit value as its octets count in a checksum: at an odd offset its high octet is the low one of
/// a word (RFC 1071 §1, byte order independence).
#[inline(always)]
pub const fn summed(value: u16, offset: u32) -> u16 {
    if offset & 1 == 0 {
        value
    } else {
        value.swap_bytes()
    }
}
