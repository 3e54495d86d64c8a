//! l4 port choice, hashes, and the TCP state of a session.

use std::collections::BTreeSet;

use netfwd_common::{
    addr::from_v4,
    flow,
    limits::PORT_TRIES,
    maps::{NextHop, Session, SessionFlags, SessionKey},
    nat::candidate,
    tcp::{ACK, FIN, RST, SYN, TcpState},
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
        pad: 0,
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
