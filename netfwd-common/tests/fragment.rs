//! Fragments: what is sound, and where they wait.

use netfwd_common::{
    addr::Addr,
    fragment::{
        HELD, HELD_NS, HELD_OCTETS, header_len, is_fresh, is_same, is_sound, is_vacant, place_v4,
        place_v6, waits, window,
    },
    maps::{FragmentKey, Held, HeldState},
    nat::proto,
};
use proptest::prelude::*;

const FREE: u32 = HeldState::Free as u32;
const BUSY: u32 = HeldState::Busy as u32;
const FULL: u32 = HeldState::Full as u32;

#[test]
fn a_place_is_as_the_headers_have_it() {
    assert_eq!(place_v4(0x2000), (0, true));
    assert_eq!(place_v4(0x00b9), (1480, false));
    assert_eq!(place_v4(0x4000), (0, false));
    assert_eq!(place_v6(0x05a9), (1448, true));
    assert_eq!(place_v6(0x05a8), (1448, false));
}

#[test]
fn what_cannot_stand_in_a_datagram_is_unsound() {
    assert!(is_sound(0, 1480, true) && is_sound(1480, 3, false));
    assert!(!is_sound(0, 0, true), "nothing in it");
    assert!(!is_sound(0, 1479, true), "the next cannot begin there");
    assert!(!is_sound(65_528, 8, false), "beyond the largest datagram");
    assert!(is_sound(65_528, 7, false));
}

#[test]
fn the_first_has_a_whole_header() {
    let lens = [
        proto::TCP,
        proto::UDP,
        proto::ICMP,
        proto::ICMPV6,
        proto::SCTP,
    ]
    .map(header_len);
    assert_eq!(lens, [20, 8, 8, 8, 12]);
    assert_eq!(header_len(47), 0);
}

fn held(state: u32, noted_ns: u64, key: FragmentKey) -> Held {
    Held {
        noted_ns,
        state,
        len: 0,
        slot: 0,
        key,
        octets: [0; HELD_OCTETS],
    }
}

#[test]
fn an_element_serves_one_at_a_time() {
    let now = 10 * HELD_NS;
    let (late, early) = (now - HELD_NS, now - HELD_NS + 1);
    assert!(is_vacant(FREE, early, now) && is_vacant(FULL, late, now));
    assert!(!is_vacant(FULL, early, now) && !is_vacant(BUSY, late, now));
    let key = FragmentKey::default();
    assert!(waits(&held(FULL, early, key), &key, now));
    assert!(!waits(&held(FULL, late, key), &key, now));
    assert!(!waits(&held(BUSY, early, key), &key, now));
    let other = FragmentKey { id: 1, ..key };
    assert!(!waits(&held(FULL, early, other), &key, now));
}

fn keys() -> impl Strategy<Value = FragmentKey> {
    let address = || any::<[u8; 16]>().prop_map(Addr::new);
    (address(), address(), any::<(u32, u32, u8)>()).prop_map(|(src, dst, (network, id, proto))| {
        FragmentKey {
            src,
            dst,
            network,
            id,
            proto,
            pad: [0; 3],
        }
    })
}

proptest! {
    #[test]
    fn fragments_of_one_datagram_meet(key in keys()) {
        prop_assert!(is_same(&key, &key.clone()));
        prop_assert_eq!(window(&key), window(&key.clone()));
    }

    #[test]
    fn those_of_two_are_told_apart(a in keys(), b in keys()) {
        prop_assert_eq!(is_same(&a, &b), a == b);
    }

    #[test]
    fn what_is_noted_ages(noted in 0..u64::MAX / 2, later in 0..4 * HELD_NS) {
        prop_assert_eq!(is_fresh(noted, noted + later, HELD_NS), later < HELD_NS);
    }
}

/// An attacker that sends fragments with ids in a row must not find them all in one place.
#[test]
fn datagrams_in_a_row_wait_apart() {
    let mut elements = std::collections::BTreeSet::new();
    for id in 0..4 * HELD {
        let key = FragmentKey {
            id,
            ..FragmentKey::default()
        };
        elements.insert(window(&key) % HELD);
    }
    assert!(
        elements.len() > HELD as usize * 9 / 10,
        "{}",
        elements.len()
    );
}
