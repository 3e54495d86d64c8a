//! Internet checksums (RFC 1071) and their incremental update (RFC 1624).

/// Adds `bytes`, as 16-bit words in wire order, to a running sum; an odd last octet is padded.
#[inline(always)]
pub fn add(mut sum: u32, bytes: &[u8]) -> u32 {
    let mut words = bytes.chunks_exact(2);
    for word in &mut words {
        sum += u32::from(u16::from_be_bytes([word[0], word[1]]));
    }
    if let [last] = words.remainder() {
        sum += u32::from(*last) << 8;
    }
    sum
}

/// Folds a running sum into 16 bits.
#[inline(always)]
pub const fn fold(sum: u32) -> u16 {
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

/// The checksum of an IPv4 header without options whose checksum field is zero.
#[inline(always)]
pub fn ipv4_header(header: &[u8; 20]) -> u16 {
    !fold(add(0, header))
}

/// Whether the checksum of an IPv4 header without options is right. Its words may be in any byte order
/// (RFC 1071 §2 B).
#[inline(always)]
pub fn is_intact(header: [u32; 5]) -> bool {
    let sum: u64 = header.into_iter().map(u64::from).sum();
    // Five words carry less than 16 bits beyond 32, and so does their fold.
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16 & 0xffff) + (sum >> 32);
    fold(sum as u32) == 0xffff
}

/// The checksum after one 16-bit word changed: `HC' = ~(~HC + ~m + m')`, RFC 1624 §3 eqn. 3.
#[inline(always)]
pub const fn replace(check: u16, old: u16, new: u16) -> u16 {
    !fold((!check) as u32 + (!old) as u32 + new as u32)
}

/// The checksum after an IPv4 address, two 16-bit words, changed.
#[inline(always)]
pub const fn replace_v4(check: u16, old: [u8; 4], new: [u8; 4]) -> u16 {
    let high = (
        u16::from_be_bytes([old[0], old[1]]),
        u16::from_be_bytes([new[0], new[1]]),
    );
    let low = (
        u16::from_be_bytes([old[2], old[3]]),
        u16::from_be_bytes([new[2], new[3]]),
    );
    replace(replace(check, high.0, high.1), low.0, low.1)
}

/// The checksum after 32 bits changed, which start at an even octet; all in one byte order, whichever.
#[inline(always)]
pub const fn replace_words(check: u16, old: u32, new: u32) -> u16 {
    let check = replace(check, old as u16, new as u16);
    replace(check, (old >> 16) as u16, (new >> 16) as u16)
}

/// The checksum of the ICMPv6 message in a frame without extension headers, whose checksum field is
/// zero: over the pseudo-header (RFC 8200 §8.1) and the message, an even number of octets.
#[inline(always)]
pub fn icmpv6<const N: usize>(frame: &[u8; N]) -> u16 {
    const ADDRESSES: usize = 14 + 8;
    const MESSAGE: usize = 14 + 40;
    const ICMPV6: u32 = 58;
    let mut sum = ICMPV6 + (N - MESSAGE) as u32;
    let mut at = ADDRESSES;
    while at + 1 < N {
        sum += u32::from(u16::from_be_bytes([frame[at], frame[at + 1]]));
        at += 2;
    }
    !fold(sum)
}

/// Adds to a running sum what replacing an even number of octets changes in a checksum over them:
/// `~m + m'` of each word.
#[inline(always)]
pub fn change<const N: usize>(sum: u32, old: &[u8; N], new: &[u8; N]) -> u32 {
    // The complement of all words is that of all octets.
    add(add(sum, &old.map(|octet| !octet)), new)
}

/// The checksum after what it covers has changed by a running sum of [`change`]: RFC 1624 §3 eqn. 3 for
/// many words at once.
#[inline(always)]
pub const fn apply(check: u16, change: u32) -> u16 {
    !fold((!check) as u32 + fold(change) as u32)
}

/// Adds to a running sum what replacing one word by another changes in a checksum over it: `~m + m'`.
/// All words of a sum are in one byte order, whichever (RFC 1071 §2 B); up to 2^31 may be added.
#[inline(always)]
pub const fn exchange(sum: u64, old: u32, new: u32) -> u64 {
    sum + (!old) as u64 + new as u64
}

/// The checksum, in the byte order of the words, after what it covers has changed by a running sum of
/// [`exchange`].
#[inline(always)]
pub const fn exchanged(check: u16, change: u64) -> u16 {
    let sum = (!check) as u64 + change;
    // 64 bits, then 33, then 18, which `fold` takes.
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    !fold(sum as u32)
}
