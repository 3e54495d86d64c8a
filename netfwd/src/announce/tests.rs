//! When an address is announced, and how often.

use std::collections::BTreeMap;

use netfwd_common::addr::{Addr, from_v4};

use super::*;

const SECOND: u64 = 1_000_000_000;
const HERE: Place = Place {
    ifindex: 7,
    mac: [2, 0, 0, 0, 0, 1],
};

fn wanted(addresses: &[Addr], place: Place) -> BTreeMap<Addr, Place> {
    addresses.iter().map(|address| (*address, place)).collect()
}

/// How many frames go out at each of these seconds.
fn counts(announcer: &mut Announcer, seconds: std::ops::Range<u64>) -> Vec<usize> {
    let sent = seconds.map(|second| announcer.due(second * SECOND).len());
    sent.collect()
}

#[test]
fn what_is_new_is_said_three_times_a_second_apart() {
    let mut announcer = Announcer::default();
    let all = wanted(&[from_v4([192, 0, 2, 1])], HERE);
    announcer.follow(&all, 0);
    assert_eq!(announcer.due(0).len(), 1);
    assert_eq!(announcer.due(SECOND / 4).len(), 0);
    announcer.follow(&all, SECOND);
    assert_eq!(counts(&mut announcer, 1..6), [1, 1, 0, 0, 0]);
}

#[test]
fn another_mac_or_a_link_that_is_back_is_news() {
    let mut announcer = Announcer::default();
    let address = [from_v4([192, 0, 2, 1])];
    announcer.follow(&wanted(&address, HERE), 0);
    assert_eq!(counts(&mut announcer, 0..4), [1, 1, 1, 0]);
    let other = Place {
        mac: [2, 0, 0, 0, 0, 9],
        ..HERE
    };
    announcer.follow(&wanted(&address, other), 4 * SECOND);
    let frames = announcer.due(4 * SECOND);
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0].0, 7);
    assert_eq!(frames[0].1[6..12], other.mac);
    announcer.follow(&BTreeMap::new(), 5 * SECOND);
    assert_eq!(announcer.due(5 * SECOND).len(), 0, "the link is down");
    announcer.follow(&wanted(&address, other), 9 * SECOND);
    assert_eq!(counts(&mut announcer, 9..13), [1, 1, 1, 0]);
}

#[test]
fn thousands_are_said_in_turns() {
    let mut announcer = Announcer::default();
    let many: Vec<Addr> = (0..=255)
        .flat_map(|c| (0..4).map(move |d| from_v4([10, 0, c, d])))
        .collect();
    announcer.follow(&wanted(&many, HERE), 0);
    let counts = counts(&mut announcer, 0..40);
    assert!(counts.iter().all(|count| *count <= AT_ONCE));
    assert_eq!(counts.iter().sum::<usize>(), 3 * many.len());
}

#[test]
fn each_family_has_its_frame() {
    let v6 = Addr::new([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20]);
    assert_eq!(frame(&from_v4([192, 0, 2, 1]), HERE.mac)[12..14], [8, 6]);
    let advertisement = frame(&v6, HERE.mac);
    assert_eq!(advertisement[..6], nd::ALL_NODES_MAC);
    assert_eq!(advertisement[54], nd::ADVERTISEMENT);
    assert_eq!(advertisement[58] & nd::SOLICITED, 0);
    assert_eq!(advertisement[62..78], v6.octets);
}
