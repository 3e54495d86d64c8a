//! What the reference reads of the frame within.

/// The traffic class of the IP packet that a frame carries, if it carries one, and whether that is whole.
pub fn class(frame: &[u8]) -> Option<(u8, bool)> {
    let packet = frame.get(14..)?;
    match [frame[12], frame[13]] {
        [0x08, 0x00] => {
            let h = packet.get(..20)?;
            let header = usize::from(h[0] & 15) * 4;
            let total = usize::from(u16::from_be_bytes([h[2], h[3]]));
            let is_header = h[0] >> 4 == 4 && header >= 20 && total >= header;
            is_header.then_some((h[1], packet.len() >= total))
        }
        [0x86, 0xdd] => {
            let h = packet.get(..40)?;
            let total = 40 + usize::from(u16::from_be_bytes([h[4], h[5]]));
            let class = h[0] << 4 | h[1] >> 4;
            (h[0] >> 4 == 6).then_some((class, packet.len() >= total))
        }
        _ => None,
    }
}

/// The ones' complement sum of RFC 1071 over parts of which all but the last have an even length.
pub fn sum(parts: &[&[u8]]) -> u16 {
    let words = parts.iter().flat_map(|part| part.chunks(2));
    let mut sum: u64 = words
        .map(|word| u64::from(word[0]) << 8 | word.get(1).copied().map_or(0, u64::from))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}
