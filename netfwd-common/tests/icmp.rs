//! Errors that tell an MTU, against checksums computed the plain way.

use netfwd_common::{
    addr::{Addr, UNSPECIFIED},
    icmp::{
        self, Budget, TooBig, V4_HEADERS, V4_QUOTE, V6_HEADERS, V6_QUOTE, fragmentation_needed,
        is_later_fragment_v6, may_tell_v4, may_tell_v6, packet_too_big, time_exceeded_v4,
        time_exceeded_v6,
    },
};
use proptest::{collection::vec, prelude::*};

const PING: u8 = 8;

/// The ones' complement sum of RFC 1071 over a 64-bit sum that cannot overflow here.
fn sum(parts: &[&[u8]]) -> u16 {
    let bytes = parts.concat();
    let mut sum: u64 = bytes
        .chunks(2)
        .map(|word| u64::from(word[0]) << 8 | word.get(1).copied().map_or(0, u64::from))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn error(mtu: u32, ttl: u8, quote: &[u8]) -> TooBig<'static> {
    TooBig {
        to_mac: &[2, 0, 0, 0, 0, 1],
        from_mac: &[2, 0, 0, 0, 0, 2],
        mtu,
        ttl,
        quote: u32::from(sum(&[quote])),
    }
}

proptest! {
    #[test]
    fn an_ipv4_error_is_right(
        mtu in 576..70_000u32,
        ttl: u8,
        from: [u8; 4],
        to: [u8; 4],
        quote in vec(any::<u8>(), V4_QUOTE),
    ) {
        let mut h = [0xee; V4_HEADERS];
        fragmentation_needed(&error(mtu, ttl, &quote), from, to, &mut h);
        prop_assert_eq!(&h[..14], &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
        prop_assert_eq!(sum(&[&h[14..34]]), 0xffff);
        prop_assert_eq!(usize::from(u16::from_be_bytes([h[16], h[17]])), 28 + quote.len());
        prop_assert_eq!((h[22], h[23]), (ttl, 1));
        prop_assert_eq!((&h[26..30], &h[30..34]), (&from[..], &to[..]));
        prop_assert_eq!((h[34], h[35]), (3, 4));
        prop_assert_eq!(u32::from(u16::from_be_bytes([h[40], h[41]])), mtu.min(0xffff));
        prop_assert_eq!(sum(&[&h[34..], &quote]), 0xffff);
    }

    #[test]
    fn an_ipv4_time_exceeded_is_right(
        ttl: u8,
        from: [u8; 4],
        to: [u8; 4],
        words in vec(any::<[u8; 4]>(), 0..=V4_QUOTE / 4),
    ) {
        let (mut h, quote) = ([0xee; V4_HEADERS], words.concat());
        let octets = quote.len() as u16;
        time_exceeded_v4(&error(0, ttl, &quote), from, to, octets, &mut h);
        prop_assert_eq!(u16::from_be_bytes([h[16], h[17]]), 28 + octets);
        prop_assert_eq!(sum(&[&h[14..34]]), 0xffff);
        prop_assert_eq!((h[34], h[35], &h[38..42]), (11, 0, &[0; 4][..]));
        prop_assert_eq!(sum(&[&h[34..], &quote]), 0xffff);
    }

    /// However they are asked for, no more errors are sent than a burst and one a millisecond.
    #[test]
    fn a_budget_is_kept(start in 1_000_000_000..u64::MAX / 2, waits in vec(0..20_000_000u64, 1..400)) {
        let (mut budget, mut now, mut sent) = (Budget::default(), start, 0);
        for wait in &waits {
            now += wait;
            sent += u64::from(budget.take(now));
        }
        let spent = (now - start) / 1_000_000;
        prop_assert!(sent <= Budget::BURST + spent, "{sent} in {spent} ms");
        let asked = waits.len() as u64;
        prop_assert!(sent >= asked.min(Budget::BURST));
        now += Budget::BURST * 1_000_000;
        let all = (0..100).filter(|_| budget.take(now)).count() as u64;
        prop_assert_eq!(all, Budget::BURST);
    }

    #[test]
    fn an_ipv6_error_is_right(
        mtu in 1280..70_000u32,
        hops: u8,
        from: [u8; 16],
        to: [u8; 16],
        quote in vec(any::<u8>(), V6_QUOTE),
    ) {
        let mut h = [0xee; V6_HEADERS];
        packet_too_big(&error(mtu, hops, &quote), &Addr::new(from), &Addr::new(to), &mut h);
        prop_assert_eq!(&h[12..18], &[0x86, 0xdd, 0x60, 0, 0, 0]);
        prop_assert_eq!(usize::from(u16::from_be_bytes([h[18], h[19]])), 8 + quote.len());
        prop_assert_eq!((h[20], h[21]), (58, hops));
        prop_assert_eq!((&h[22..38], &h[38..54]), (&from[..], &to[..]));
        prop_assert_eq!((h[54], h[55]), (2, 0));
        prop_assert_eq!(&h[58..62], &mtu.to_be_bytes());
        let pseudo = [&h[22..54], &1240u32.to_be_bytes(), &[0, 0, 0, 58]].concat();
        prop_assert_eq!(sum(&[&pseudo, &h[54..], &quote]), 0xffff);
    }

    #[test]
    fn an_ipv6_time_exceeded_is_right(
        hops: u8,
        from: [u8; 16],
        to: [u8; 16],
        words in vec(any::<[u8; 4]>(), 0..=V6_QUOTE / 4),
    ) {
        let (mut h, quote) = ([0xee; V6_HEADERS], words.concat());
        let octets = quote.len() as u16;
        time_exceeded_v6(&error(0, hops, &quote), &Addr::new(from), &Addr::new(to), octets, &mut h);
        prop_assert_eq!(u16::from_be_bytes([h[18], h[19]]), 8 + octets);
        prop_assert_eq!((h[20], h[21]), (58, hops));
        prop_assert_eq!((h[54], h[55], &h[58..62]), (3, 0, &[0; 4][..]));
        let len = u32::from(octets + 8).to_be_bytes();
        let pseudo = [&h[22..54], &len, &[0, 0, 0, 58]].concat();
        prop_assert_eq!(sum(&[&pseudo, &h[54..], &quote]), 0xffff);
    }

    /// An error is never answered, whatever else the packet says (RFC 1122 §3.2.2).
    #[test]
    fn no_ipv4_error_is_answered(header: [u8; 20], kind in prop::sample::select(vec![3u8, 4, 5, 11, 12])) {
        let mut header = header;
        header[9] = 1;
        prop_assert!(!may_tell_v4(&header, kind, 1500));
    }

    #[test]
    fn no_ipv6_error_is_answered(src: [u8; 16], dst: [u8; 16], kind in 0..128u8) {
        let (src, dst) = (Addr::new(src), Addr::new(dst));
        prop_assert!(!may_tell_v6(&src, &dst, 58, kind, 1500));
        prop_assert!(!may_tell_v6(&src, &dst, 58, 137, 1500));
    }
}

fn v4(src: [u8; 4], dst: [u8; 4], fragment: u16, proto: u8) -> [u8; 20] {
    let mut h = [0; 20];
    h[0] = 0x45;
    h[6..8].copy_from_slice(&fragment.to_be_bytes());
    h[9] = proto;
    h[12..16].copy_from_slice(&src);
    h[16..20].copy_from_slice(&dst);
    h
}

#[test]
fn senders_and_fragments() {
    const A: [u8; 4] = [10, 0, 3, 11];
    const B: [u8; 4] = [10, 0, 3, 13];
    let tells = |src, dst, fragment| may_tell_v4(&v4(src, dst, fragment, 17), 0, 1450);
    assert!(tells(A, B, 0x4000), "with DF");
    assert!(tells(A, B, 0), "without DF");
    assert!(tells(A, B, 0x2000), "the first fragment");
    assert!(!tells(A, B, 0x2001) && !tells(A, B, 0x00b9), "later ones");
    for nobody in [[0; 4], [127, 0, 0, 1], [224, 0, 0, 1], [255; 4]] {
        assert!(!tells(nobody, B, 0x4000), "from {nobody:?}");
        assert!(!tells(A, nobody, 0x4000), "to {nobody:?}");
    }
    assert!(may_tell_v4(&v4(A, B, 0, 1), PING, 1450));
    assert!(may_tell_v4(&v4(A, B, 0, 17), 0, 576));
    assert!(!may_tell_v4(&v4(A, B, 0, 17), 0, 575));
}

#[test]
fn ipv6_senders_and_fragments() {
    let one = |last| Addr::new([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    let (a, b) = (one(1), one(2));
    assert!(may_tell_v6(&a, &b, 17, 0, 1280));
    assert!(!may_tell_v6(&a, &b, 17, 0, 1279));
    assert!(may_tell_v6(&a, &b, 58, 128, 1430), "an echo");
    let mut loopback = UNSPECIFIED;
    let mut group = b;
    group.octets[0] = 0xff;
    for nobody in [loopback, group] {
        assert!(!may_tell_v6(&nobody, &b, 17, 0, 1430), "{nobody:?}");
        assert!(!may_tell_v6(&a, &nobody, 17, 0, 1430), "{nobody:?}");
    }
    loopback.octets[15] = 1;
    assert!(!may_tell_v6(&loopback, &b, 17, 0, 1430));
    assert!(!is_later_fragment_v6([0, 1]) && is_later_fragment_v6([0, 8]));
    assert_eq!(icmp::V6_LEN, 1280);
}
