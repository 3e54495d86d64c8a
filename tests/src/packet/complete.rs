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

/// Makes the checksum right again of the IPv4 header behind an Ethernet header; what is none stays as it is.
pub fn mend_ipv4(frame: &mut [u8]) {
    const ETHERNET: usize = 14;
    const CHECKSUM: usize = 10;
    let first = frame.get(ETHERNET).copied().unwrap_or(0);
    let len = usize::from(first & 15) * 4;
    let is_ipv4 = first >> 4 == 4 && len >= 20;
    if let Some(header) = frame.get_mut(ETHERNET..ETHERNET + len)
        && is_ipv4
    {
        header[CHECKSUM..CHECKSUM + 2].copy_from_slice(&[0, 0]);
        complete(header, 0, CHECKSUM);
    }
}
