//! ARP and ND as a bridge reads and answers them.

use netfwd_common::{
    addr::{Addr, Mac},
    arp::{self, ARP_LEN, Arp, FRAME_LEN, REPLY, REQUEST},
    csum, nd,
};
use proptest::prelude::*;

const ASKER: Mac = [2, 0, 0, 0, 0, 1];
const OWNER: Mac = [2, 0, 0, 0, 0, 2];

/// `arping`'s question for 10.0.3.12 by 10.0.3.11, as it stands behind the Ethernet header.
const QUESTION: [u8; ARP_LEN] = [
    0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 3, 11, 0, 0, 0, 0, 0, 0, 10, 0, 3, 12,
];

#[test]
fn a_question_is_read() {
    let arp = Arp::parse(&QUESTION).expect("IPv4 over Ethernet");
    let expected = Arp {
        operation: REQUEST,
        sender_mac: ASKER,
        sender: [10, 0, 3, 11],
        target: [10, 0, 3, 12],
    };
    assert_eq!(arp, expected);
    assert!(!arp.is_probe_or_announcement());
}

#[test]
fn only_ipv4_over_ethernet_is_read() {
    for at in 0..6 {
        let mut other = QUESTION;
        other[at] ^= 0x10;
        assert_eq!(Arp::parse(&other), None, "octet {at}");
    }
}

#[test]
fn probes_and_announcements_ask_nobody() {
    let arp = |sender| Arp {
        sender,
        ..Arp::parse(&QUESTION).expect("IPv4 over Ethernet")
    };
    assert!(arp([0; 4]).is_probe_or_announcement());
    assert!(arp([10, 0, 3, 12]).is_probe_or_announcement());
    assert!(!arp([10, 0, 3, 13]).is_probe_or_announcement());
}

#[test]
fn an_answer_is_what_the_owner_would_send() {
    let mut frame = [0xaa; FRAME_LEN];
    let arp = Arp::parse(&QUESTION).expect("IPv4 over Ethernet");
    arp.answer(&OWNER, &mut frame);
    let expected = [
        2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 10, 0,
        3, 12, 2, 0, 0, 0, 0, 1, 10, 0, 3, 11,
    ];
    assert_eq!(frame, expected);
}

#[test]
fn link_layer_options_are_told_apart() {
    let source = [nd::SOURCE_LINK_LAYER, 1, 2, 0, 0, 0, 0, 1];
    assert_eq!(nd::option(nd::SOURCE_LINK_LAYER, &source), Some(ASKER));
    assert_eq!(nd::option(nd::TARGET_LINK_LAYER, &source), None);
    let long = [nd::SOURCE_LINK_LAYER, 2, 2, 0, 0, 0, 0, 1];
    assert_eq!(nd::option(nd::SOURCE_LINK_LAYER, &long), None);
}

/// The sum over pseudo-header and message, by the book (RFC 1071 §1, RFC 8200 §8.1).
fn sums_to_all_ones(frame: &[u8; nd::FRAME_LEN]) -> bool {
    let length = (frame.len() - 54) as u32;
    let sum = csum::add(length + u32::from(nd::ICMPV6), &frame[22..]);
    csum::fold(sum) == 0xffff
}

proptest! {
    #[test]
    fn a_question_answered_names_the_same_two(
        sender in any::<[u8; 4]>(), target in any::<[u8; 4]>(), mac in any::<Mac>(), owner in any::<Mac>(),
    ) {
        let arp = Arp { operation: REQUEST, sender_mac: mac, sender, target };
        let mut frame = [0; FRAME_LEN];
        arp.answer(&owner, &mut frame);
        let packet: [u8; ARP_LEN] = frame[14..].try_into().expect("its length");
        let answer = Arp::parse(&packet).expect("IPv4 over Ethernet");
        prop_assert_eq!(answer, Arp { operation: REPLY, sender_mac: owner, sender: target, target: sender });
    }

    #[test]
    fn a_probe_is_answered_to_everybody_and_unsolicited(target in any::<[u8; 16]>(), mac in any::<Mac>()) {
        let mut frame = [0; nd::FRAME_LEN];
        let to = nd::ALL_NODES;
        nd::advertise(&nd::Advertisement { target: &Addr::new(target), mac: &mac, to: &to, to_mac: &nd::ALL_NODES_MAC }, &mut frame);
        prop_assert_eq!(frame[58] & nd::SOLICITED, 0);
        prop_assert_eq!(&frame[38..54], &to.octets);
        prop_assert!(sums_to_all_ones(&frame));
    }

    #[test]
    fn an_advertisement_has_the_right_checksum(target in any::<[u8; 16]>(), to in any::<[u8; 16]>(), mac in any::<Mac>()) {
        let mut frame = [0xaa; nd::FRAME_LEN];
        nd::advertise(&nd::Advertisement { target: &Addr::new(target), mac: &mac, to: &Addr::new(to), to_mac: &ASKER }, &mut frame);
        prop_assert!(sums_to_all_ones(&frame));
        prop_assert_eq!(&frame[62..78], &target);
        prop_assert_eq!(frame[21], nd::HOP_LIMIT);
    }
}

#[test]
fn an_announcement_is_read_as_one() {
    let mut frame = [0xff; FRAME_LEN];
    arp::announce([192, 0, 2, 7], &OWNER, &mut frame);
    assert_eq!(frame[..14], [&[0xff; 6], &OWNER[..], &[8, 6]].concat());
    let read = Arp::parse(frame[14..].try_into().expect("a packet")).expect("it is ARP");
    let expected = Arp {
        operation: REQUEST,
        sender_mac: OWNER,
        sender: [192, 0, 2, 7],
        target: [192, 0, 2, 7],
    };
    assert_eq!(read, expected);
    assert!(read.is_probe_or_announcement());
    assert_eq!(frame[32..38], [0; 6]);
}
