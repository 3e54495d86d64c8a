//! Completing a checksum as a device does.

/// Completes the checksum from `start` on, as a device does that sends a frame.
pub fn complete(frame: &mut [u8], start: usize, offset: usize) {
    let sum: u64 = frame[start..]
        .chunks(2)
        .map(|word| u64::from(word[0]) << 8 | word.get(1).copied().map_or(0, u64::from))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = !((folded & 0xffff) + (folded >> 16)) as u16;
    frame[start + offset..][..2].copy_from_slice(&folded.to_be_bytes());
}
