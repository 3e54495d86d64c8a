//! How fast a station may move, how much a port may flood, and what reports say.

use netfwd_common::{
    addr::{self, UNSPECIFIED, from_v4},
    flap::{self, Move},
    limits::{FLAP_HOLD_NS, FLAP_MOVES, FLAP_WINDOW_NS, STORM_BURST_NS},
    maps::FdbKey,
    multicast::{Change, change, igmp_response_ns, is_local, mld_response_ns},
    storm,
};
use proptest::prelude::*;

const SECOND: u64 = 1_000_000_000;

#[test]
fn a_station_that_moves_now_and_then_does_not_flap() {
    let mut state = (0, 0);
    for round in 1..100 {
        let now = round * (FLAP_WINDOW_NS + 1);
        assert_eq!(flap::judge(state.0, state.1, now), Move::To(1));
        state = (1, now);
    }
}

#[test]
fn the_fifth_quick_move_is_held_and_the_hold_ends() {
    let (mut moves, mut last) = (0, 0);
    for expected in 1..FLAP_MOVES {
        let now = last + SECOND / 10 + 1;
        assert_eq!(flap::judge(moves, last, now), Move::To(expected));
        (moves, last) = (expected, now);
    }
    assert_eq!(flap::judge(moves, last, last + 1), Move::Flaps);
    let held = last + 1;
    assert_eq!(
        flap::judge(FLAP_MOVES, held, held + FLAP_HOLD_NS - 1),
        Move::Held
    );
    assert_eq!(
        flap::judge(FLAP_MOVES, held, held + FLAP_HOLD_NS),
        Move::To(1)
    );
}

#[test]
fn a_port_that_may_flood_nothing_floods_nothing() {
    assert_eq!(storm::admit(0, SECOND, 0), None);
}

#[test]
fn groups_that_need_no_report() {
    assert!(is_local(&from_v4([224, 0, 0, 251])));
    assert!(!is_local(&from_v4([224, 0, 1, 1])));
    assert!(!is_local(&from_v4([239, 0, 0, 1])));
    let mut all_nodes = UNSPECIFIED;
    all_nodes.octets[..2].copy_from_slice(&[0xff, 0x02]);
    all_nodes.octets[15] = 1;
    assert!(is_local(&all_nodes));
    all_nodes.octets[15] = 2;
    assert!(!is_local(&all_nodes));
}

#[test]
fn macs_of_ip_multicast() {
    assert!(addr::is_ip_multicast(&[0x01, 0, 0x5e, 0x7f, 0, 1]));
    assert!(!addr::is_ip_multicast(&[0x01, 0, 0x5e, 0x80, 0, 1]));
    assert!(addr::is_ip_multicast(&[0x33, 0x33, 0, 0, 0, 1]));
    assert!(!addr::is_ip_multicast(&addr::BROADCAST));
}

#[test]
fn records_say_who_joins_and_who_leaves() {
    let table = [
        ((1, 0), Change::Leaves),
        ((1, 2), Change::Joins),
        ((2, 0), Change::Joins),
        ((3, 0), Change::Leaves),
        ((3, 1), Change::Joins),
        ((4, 0), Change::Joins),
        ((5, 1), Change::Joins),
        ((5, 0), Change::None),
        ((6, 1), Change::None),
        ((7, 0), Change::None),
    ];
    for ((kind, sources), expected) in table {
        assert_eq!(
            change(kind, sources),
            expected,
            "type {kind}, {sources} sources"
        );
    }
}

#[test]
fn response_times_as_the_rfcs_count_them() {
    // RFC 3376 §4.1.1: tenths of a second, then a mantissa of 4 bits and an exponent of 3.
    assert_eq!(igmp_response_ns(0), 10 * SECOND);
    assert_eq!(igmp_response_ns(100), 10 * SECOND);
    assert_eq!(igmp_response_ns(0x80), 128 * SECOND / 10);
    assert_eq!(igmp_response_ns(0xff), (0x1f << 10) * SECOND / 10);
    // RFC 3810 §5.1.3: milliseconds, then a mantissa of 12 bits and an exponent of 3.
    assert_eq!(mld_response_ns(1000), SECOND);
    assert_eq!(mld_response_ns(0x8000), 0x8000 * SECOND / 1000);
    assert_eq!(mld_response_ns(0xffff), (0x1fff << 10) * SECOND / 1000);
}

proptest! {
    /// A key written as words is the key of its fields.
    #[test]
    fn fdb_keys_have_their_fields(network in any::<u32>(), vlan in any::<u16>(), mac in any::<[u8; 6]>()) {
        prop_assert_eq!(FdbKey::new(network, vlan, mac), FdbKey { network, vlan, mac });
    }

    #[test]
    fn macs_are_equal_where_their_words_are(a in any::<[u8; 6]>(), b in any::<[u8; 6]>()) {
        prop_assert_eq!(addr::mac_word(a) == addr::mac_word(b), a == b);
        prop_assert_eq!(addr::mac_word(a), addr::mac_word(a));
    }

    /// Over any pattern of arrivals a port floods at most its rate and one burst.
    #[test]
    fn storm_control_holds_its_rate(rate in 1u32..100_000, gaps in prop::collection::vec(0u64..SECOND / 50, 1..500)) {
        let (mut due, mut now, mut admitted) = (0, SECOND, 0u64);
        for gap in gaps {
            now += gap;
            if let Some(next) = storm::admit(due, now, rate) {
                due = next;
                admitted += 1;
            }
        }
        let interval = SECOND / u64::from(rate);
        prop_assert!(admitted <= (now - SECOND + STORM_BURST_NS) / interval + 1);
    }

    /// A flow below the rate loses nothing.
    #[test]
    fn storm_control_lets_what_is_slower_pass(rate in 1u32..100_000, count in 1u64..200) {
        let interval = SECOND / u64::from(rate);
        let mut due = 0;
        for index in 0..count {
            let next = storm::admit(due, SECOND + index * interval, rate);
            prop_assert!(next.is_some());
            due = next.unwrap_or(0);
        }
    }
}
