//! l4 port choice, hashes, and the TCP state of a session.

use std::collections::BTreeSet;

use netfwd_common::{
    addr::{Addr, from_v4, low_v4},
    flow,
    limits::{PARITY_TRIES, PORT_TRIES},
    maps::{NextHop, Session, SessionFlags, SessionKey},
    nat::{candidate, paired},
    tcp::{ACK, FIN, KEPT, PEER_FIN, PEER_RST, RST, SYN, TcpState, after, is_closed, is_news},
};
use proptest::prelude::*;

prop_compose! {
    fn range()(a in 1u16.., b in 1u16..) -> (u16, u16) {
        (a.min(b), a.max(b))
    }
}

fn session(flags: SessionFlags, enter: u32, tuple: &SessionKey) -> Session {
    Session {
        created_ns: 0,
        last_seen_ns: 0,
        packets: 0,
        bytes: 0,
        next_hop: NextHop::default(),
        src: tuple.src,
        dst: tuple.dst,
        network: 7,
        src_port: tuple.src_port,
        dst_port: tuple.dst_port,
        tcp_flags: 0,
        kind: 0,
        flags,
        deliver: 0,
        epoch: 0,
        enter,
        slot: 0,
        station: [2, 0, 0, 0, 0, 1],
        xdp: 0,
        port: 0,
        pad2: 0,
    }
}

fn tuple(src: ([u8; 4], u16), dst: ([u8; 4], u16), network: u32) -> SessionKey {
    SessionKey {
        src: from_v4(src.0),
        dst: from_v4(dst.0),
        network,
        src_port: src.1,
        dst_port: dst.1,
        proto: 6,
        pad: [0; 3],
    }
}

#[test]
fn candidates_spread() {
    let tried: BTreeSet<u16> = (0..PORT_TRIES)
        .map(|i| candidate(1, 32_768, 60_999, 0x1234_5678, i))
        .collect();
    assert!(tried.len() > PORT_TRIES as usize * 9 / 10, "{tried:?}");
}

#[test]
fn both_directions_name_each_other() {
    let inside = ([10, 0, 3, 11], 5555);
    let (server, outside) = (([192, 168, 99, 100], 80), ([192, 168, 99, 1], 40_000));
    let key = tuple(inside, server, 7);
    let original = session(
        SessionFlags::ORIGINAL.with(SessionFlags::FROM_INSIDE),
        0,
        &tuple(outside, server, 0),
    );
    let reply_key = key.opposite(&original);
    assert_eq!(reply_key, tuple(server, outside, 0));
    let reply = session(SessionFlags::default(), 7, &tuple(server, inside, 0));
    assert_eq!(reply_key.opposite(&reply), key);
}

#[test]
fn tcp_states() {
    let table = [
        (SYN, 0, TcpState::Opening),
        (SYN, SYN | ACK, TcpState::Opening),
        (SYN | ACK, SYN | ACK, TcpState::Established),
        (SYN | ACK | FIN, SYN | ACK, TcpState::Established),
        (SYN | ACK | FIN, SYN | ACK | FIN, TcpState::Closing),
        (SYN | ACK | RST, SYN | ACK, TcpState::Reset),
        (SYN, RST | ACK, TcpState::Reset),
        // Picked up in the middle, after a flush: nobody sends SYN again.
        (ACK, ACK, TcpState::Opening),
    ];
    for (original, reply, state) in table {
        assert_eq!(
            TcpState::from_flags(original, reply),
            state,
            "{original:#x} {reply:#x}"
        );
    }
}

/// Both directions after packets of the first (true) and the second (false).
fn after_all(packets: &[(bool, u8)]) -> (u8, u8) {
    packets.iter().fold((0, 0), |(a, b), &(first, packet)| {
        if first {
            after(a, b, packet)
        } else {
            let (b, a) = after(b, a, packet);
            (a, b)
        }
    })
}

const HANDSHAKE: [(bool, u8); 3] = [(true, SYN), (false, SYN | ACK), (true, ACK)];

fn state_after(more: &[(bool, u8)]) -> TcpState {
    let (a, b) = after_all(&[&HANDSHAKE[..], more].concat());
    TcpState::from_flags(a, b)
}

#[test]
fn a_reset_that_nobody_heeds_ends_nothing() {
    assert_eq!(state_after(&[]), TcpState::Established);
    assert_eq!(state_after(&[(false, RST)]), TcpState::Reset);
    // RFC 7857 §2.2: whoever goes on takes it back, from either side.
    assert_eq!(
        state_after(&[(false, RST), (true, ACK)]),
        TcpState::Established
    );
    assert_eq!(
        state_after(&[(false, RST), (false, ACK)]),
        TcpState::Established
    );
}

#[test]
fn both_sides_may_open_at_once() {
    let (a, b) = after_all(&[
        (true, SYN),
        (false, SYN),
        (true, SYN | ACK),
        (false, SYN | ACK),
    ]);
    assert_eq!(TcpState::from_flags(a, b), TcpState::Established);
}

#[test]
fn either_direction_knows_that_tcp_is_closed() {
    for closing in [
        vec![(true, RST)],
        vec![(false, RST | ACK)],
        vec![(true, FIN | ACK), (false, FIN | ACK), (true, ACK)],
    ] {
        let (a, b) = after_all(&[&HANDSHAKE[..], &closing].concat());
        assert!(is_closed(a) && is_closed(b), "{closing:?}: {a:#x} {b:#x}");
    }
    let (a, b) = after_all(&[&HANDSHAKE[..], &[(true, FIN | ACK), (false, ACK)]].concat());
    assert!(!is_closed(a) && !is_closed(b), "half closed: {a:#x} {b:#x}");
}

#[test]
fn a_new_connection_takes_the_place_of_a_closed_one() {
    assert_eq!(
        state_after(&[(true, FIN), (false, FIN), (true, SYN)]),
        TcpState::Opening
    );
    assert_eq!(
        state_after(&[(true, RST), (true, SYN), (false, SYN | ACK), (true, ACK)]),
        TcpState::Established
    );
}

/// What a direction keeps that has sent some flags, and the other some others.
fn kept(sent: u8, by_other: u8) -> u8 {
    let when = |flag: u8, told: u8| if by_other & flag != 0 { told } else { 0 };
    sent & KEPT | when(FIN, PEER_FIN) | when(RST, PEER_RST)
}

proptest! {
    #[test]
    fn candidates_stay_in_range(
        inside in any::<u16>(), (low, high) in range(), hash in any::<u32>(),
        attempt in 0..PORT_TRIES
    ) {
        let port = candidate(inside, low, high, hash, attempt);
        prop_assert!((low..=high).contains(&port));
    }

    #[test]
    fn the_first_candidates_have_the_parity_of_the_inside(
        inside in any::<u16>(), (low, high) in range(), hash in any::<u32>(),
        attempt in 0..PARITY_TRIES
    ) {
        prop_assume!(low < high);
        prop_assert_eq!(candidate(inside, low, high, hash, attempt) & 1, inside & 1);
    }

    #[test]
    fn an_inside_address_has_one_outside(inside in any::<[u8; 16]>(), count in 1u32..=256) {
        let (inside, first) = (Addr::new(inside), from_v4([192, 0, 2, 0]));
        let outside = paired(&inside, &first, count);
        prop_assert_eq!(outside, paired(&inside, &first, count));
        let last = u32::from_be_bytes(low_v4(&outside));
        prop_assert!((0xc000_0200..0xc000_0200 + count).contains(&last));
        prop_assert_eq!(&outside.octets[..12], &first.octets[..12]);
    }

    #[test]
    fn news_change_what_is_kept(a in any::<u8>(), b in any::<u8>(), packet in any::<u8>()) {
        let (own, other) = (kept(a, b), kept(b, a));
        let (after_own, _) = after(own, other, packet);
        if !is_news(own, packet) && own & PEER_FIN == 0 {
            prop_assert_eq!(after_own, own);
        }
    }

    #[test]
    fn scaling_stays_in_range(hash in any::<u32>(), (low, high) in range()) {
        prop_assert!((low..=high).contains(&flow::scale(hash, low, high)));
    }

    #[test]
    fn the_state_does_not_depend_on_who_is_who(a in any::<u8>(), b in any::<u8>()) {
        prop_assert_eq!(TcpState::from_flags(a, b), TcpState::from_flags(b, a));
    }
}

#[test]
fn source_ports_of_like_flows_spread() {
    // 256 flows that differ in one octet, as a client's connections do.
    let ports: BTreeSet<u16> = (0..256u32)
        .map(|port| {
            flow::scale(
                flow::mix(flow::mix(6, 0x0a00_030b), (port << 16) | 0x50),
                49_152,
                65_535,
            )
        })
        .collect();
    assert!(ports.len() > 240, "{} of 256", ports.len());
}
