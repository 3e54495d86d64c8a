//! Hashes that spread flows.

/// Mixes one word into a hash (the finaliser of `MurmurHash3`, public domain).
#[inline(always)]
pub const fn mix(hash: u32, word: u32) -> u32 {
    let mut h = hash ^ word;
    h ^= h >> 16;
    h = h.wrapping_mul(0x85eb_ca6b);
    h ^= h >> 13;
    h = h.wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

/// Scales a hash into `[low, high]`, both included, without a division.
#[inline(always)]
pub const fn scale(hash: u32, low: u16, high: u16) -> u16 {
    let span = high.wrapping_sub(low) as u64 + 1;
    low.wrapping_add(((hash as u64 * span) >> 32) as u16)
}
