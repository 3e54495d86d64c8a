//! Live tests: sessions and mappings forgotten in part, thousands of them.

use std::collections::{BTreeMap, BTreeSet};

use netfwd_common::addr::{Addr, from_v4};
use netfwd_common::maps::{
    Mapping, MappingFlags, MappingKey, NextHop, Session, SessionFlags, SessionKey,
};

use super::flush::{end_sessions, flush_sessions};
use crate::{
    dataplane::{Dataplane, LoadOptions, Maps},
    plan::{Gone, SessionFilter},
    sandbox::in_new_netns,
};

const SERVER: Addr = from_v4([198, 51, 100, 1]);
const SESSIONS: u32 = 20_000;

/// Every other session leaves with the first outside address.
const fn outside(number: u32) -> Addr {
    from_v4([192, 0, 2, 1 + (number % 2) as u8])
}

const fn client(number: u32) -> (Addr, u16) {
    let host = number / 10_000;
    (from_v4([10, 0, 3, host as u8]), (number % 10_000) as u16)
}

const NOTHING: Session = Session {
    last_seen_ns: 0,
    packets: 0,
    bytes: 0,
    src: SERVER,
    dst: SERVER,
    src_port: 443,
    dst_port: 443,
    tcp_flags: 0,
    kind: 0,
    flags: SessionFlags { bits: 0 },
    deliver: 0,
    next_hop: NextHop {
        resolved_ns: 0,
        ifindex: 0,
        mtu: 0,
        src_mac: [0; 6],
        dst_mac: [0; 6],
        pad: [0; 4],
    },
    epoch: 0,
    port: 0,
    pad2: 0,
    enter: 0,
    slot: 0,
    network: 1,
    station: [0; 6],
    xdp: 0,
    created_ns: 0,
};

/// A session of network 1, both directions.
fn session(maps: &mut Maps, number: u32) {
    let (src, src_port) = client(number);
    let key = SessionKey {
        src,
        dst: SERVER,
        network: 1,
        src_port,
        dst_port: 443,
        proto: 17,
        pad: [0; 3],
    };
    let there = Session {
        src: outside(number),
        src_port: number as u16,
        flags: SessionFlags::ORIGINAL,
        ..NOTHING
    };
    let back = Session {
        dst: src,
        dst_port: src_port,
        enter: 1,
        ..NOTHING
    };
    maps.sessions.put(&key, &there).expect("room");
    let opposite = key.opposite(&there);
    maps.sessions.put(&opposite, &back).expect("room");
}

/// The mapping of a session, both sides.
fn mapping(maps: &mut Maps, number: u32) {
    let (inside, outside) = (client(number), (outside(number), number as u16));
    let key = |(address, port), network| MappingKey {
        address,
        network,
        port,
        proto: 17,
        pad: 0,
    };
    let to = |(address, port)| Mapping {
        last_seen_ns: 0,
        address,
        network: 1,
        port,
        flags: MappingFlags::default(),
        pad: 0,
    };
    let mappings = &mut maps.mappings;
    mappings.put(&key(inside, 1), &to(outside)).expect("room");
    mappings.put(&key(outside, 0), &to(inside)).expect("room");
}

fn left(maps: &Maps) -> (usize, usize) {
    let (mut sessions, mut mappings) = (0, 0);
    maps.sessions.scan(|_, _| sessions += 1).expect("read");
    maps.mappings.scan(|_, _| mappings += 1).expect("read");
    (sessions, mappings)
}

#[test]
fn both_directions_go_and_nothing_else() {
    in_new_netns(|_| async {
        let mut dataplane = Dataplane::open("flush", &LoadOptions::default()).expect("it loads");
        let maps = dataplane.maps_mut();
        (0..SESSIONS).for_each(|number| session(maps, number));
        (0..SESSIONS).for_each(|number| mapping(maps, number));
        let all = SESSIONS as usize;
        assert_eq!(left(maps), (2 * all, 2 * all));
        let lost = Gone {
            addresses: BTreeSet::from([outside(0)]),
            ..Gone::default()
        };
        end_sessions(maps, &lost).expect("ended");
        assert_eq!(left(maps), (all, all), "those of the other address stay");
        let of_one = SessionFilter {
            src: Some("10.0.3.0".parse().expect("an address")),
            ..SessionFilter::default()
        };
        let flushed = flush_sessions(maps, &of_one).expect("flushed");
        assert_eq!((flushed, left(maps)), (all / 4, (all / 2, all / 2)));
        let untouched = Gone {
            listeners: BTreeMap::new(),
            networks: BTreeSet::from([2]),
            ..Gone::default()
        };
        end_sessions(maps, &untouched).expect("nothing to end");
        assert_eq!(left(maps), (all / 2, all / 2));
        let flushed = flush_sessions(maps, &SessionFilter::default()).expect("flushed");
        assert_eq!((flushed, left(maps)), (all / 4, (0, 0)));
    });
}
