//! Checksums against RFC 1071 computed the plain way.

use netfwd_common::csum;
use proptest::prelude::*;

/// RFC 1071 §4.1, over a 64-bit sum that cannot overflow here.
fn plain(bytes: &[u8]) -> u16 {
    let mut sum: u64 = bytes
        .chunks(2)
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// Ones' complement has two zeros; a checksum field may hold either.
fn same(a: u16, b: u16) -> bool {
    a == b || (a.min(b) == 0 && a.max(b) == 0xffff)
}

#[test]
fn rfc_1071_example() {
    // RFC 1071 §3: the words 0001 f203 f4f5 f6f7 sum to ddf2.
    let sum = csum::fold(csum::add(
        0,
        &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7],
    ));
    assert_eq!(sum, 0xddf2);
}

#[test]
fn rfc_1624_example() {
    // RFC 1624 §4: a word 5555 becomes 3285, the checksum DD2F becomes 0000, not FFFF.
    assert_eq!(csum::replace(0xdd2f, 0x5555, 0x3285), 0x0000);
}

proptest! {
    #[test]
    fn sum_is_rfc_1071(bytes in proptest::collection::vec(any::<u8>(), 0..1600)) {
        prop_assert_eq!(!csum::fold(csum::add(0, &bytes)), plain(&bytes));
    }

    #[test]
    fn header_checksum_verifies(mut header in any::<[u8; 20]>()) {
        header[10..12].fill(0);
        let check = csum::ipv4_header(&header);
        header[10..12].copy_from_slice(&check.to_be_bytes());
        prop_assert!(same(plain(&header), 0));
    }

    #[test]
    fn replacing_a_word_is_summing_again(
        mut bytes in any::<[u8; 40]>(), at in 0usize..20, new in any::<u16>()
    ) {
        // A header of nothing but zeros has no predecessor that a checksum could tell from ones.
        bytes[39] |= 1;
        let at = at.min(18) * 2;
        let before = plain(&bytes);
        let old = u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        bytes[at..at + 2].copy_from_slice(&new.to_be_bytes());
        prop_assert!(same(csum::replace(before, old, new), plain(&bytes)));
    }

    #[test]
    fn replacing_an_address_is_replacing_its_words(
        check in any::<u16>(), old in any::<[u8; 4]>(), new in any::<[u8; 4]>()
    ) {
        let word = |a: [u8; 4], i: usize| u16::from_be_bytes([a[i], a[i + 1]]);
        let high = csum::replace(check, word(old, 0), word(new, 0));
        let both = csum::replace(high, word(old, 2), word(new, 2));
        prop_assert_eq!(csum::replace_v4(check, old, new), both);
    }
}

proptest! {
    /// A header is intact exactly where the sum of its words is all ones, whatever the byte order.
    #[test]
    fn an_intact_header_is_known(header: [u8; 20], make: bool) {
        let mut header = header;
        if make {
            header[10..12].copy_from_slice(&[0, 0]);
            let check = csum::ipv4_header(&header);
            header[10..12].copy_from_slice(&check.to_be_bytes());
        }
        let words = |of: fn([u8; 4]) -> u32| {
            let mut words = [0; 5];
            for (word, octets) in words.iter_mut().zip(header.chunks(4)) {
                *word = of(octets.try_into().expect("four octets"));
            }
            words
        };
        let intact = plain(&header) == 0;
        prop_assert!(!make || intact);
        prop_assert_eq!(csum::is_intact(words(u32::from_ne_bytes)), intact);
        prop_assert_eq!(csum::is_intact(words(u32::from_be_bytes)), intact);
    }

    #[test]
    fn many_changes_at_once_are_as_made_anew(
        before in any::<[u8; 32]>(), old in any::<[u8; 16]>(), new in any::<[u8; 16]>()
    ) {
        let check = plain(&[&before[..], &old].concat());
        let change = csum::change(0, &old, &new);
        prop_assert!(same(csum::apply(check, change), plain(&[&before[..], &new].concat())));
    }

    #[test]
    fn changes_add_up(a in any::<[u8; 4]>(), b in any::<[u8; 4]>(), c in any::<[u8; 4]>(), check in any::<u16>()) {
        let there = csum::change(0, &a, &b);
        let on = csum::change(there, &b, &c);
        prop_assert!(same(csum::apply(check, on), csum::apply(check, csum::change(0, &a, &c))));
        prop_assert!(same(csum::apply(check, csum::change(there, &b, &a)), check));
    }

    /// In whichever order of octets: words are read here as the machine has them.
    #[test]
    fn exchanging_words_is_replacing_them_one_by_one(
        check in any::<u16>(), words in proptest::collection::vec(any::<(u32, u32)>(), 1..12)
    ) {
        let change = words.iter().fold(0, |sum, (old, new)| csum::exchange(sum, *old, *new));
        let stepwise = words.iter().fold(check, |check, (old, new)| csum::replace_words(check, *old, *new));
        prop_assert!(same(csum::exchanged(check, change), stepwise));
    }

    #[test]
    fn exchanged_words_sum_up(mut bytes in any::<[u8; 40]>(), at in 0usize..10, new in any::<[u8; 4]>()) {
        // As above.
        bytes[39] |= 1;
        let at = at.min(8) * 4;
        let before = plain(&bytes).to_be();
        let old = u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        bytes[at..at + 4].copy_from_slice(&new);
        let change = csum::exchange(0, old, u32::from_ne_bytes(new));
        prop_assert!(same(csum::exchanged(before, change), plain(&bytes).to_be()));
    }
}
