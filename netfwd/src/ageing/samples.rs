//! Entries for tests.

use netfwd_common::addr::Addr;
use netfwd_common::maps::{
    Mapping, MappingFlags, MappingKey, NextHop, Session, SessionFlags, SessionKey, Timeouts,
};

/// The timeouts as they are by default.
pub(super) const TIMES: Timeouts = Timeouts {
    udp: 300,
    tcp_established: 7440,
    tcp_transitory: 240,
    icmp: 60,
    sctp: 7440,
    other: 600,
};

const SERVER: Addr = Addr::new([9; 16]);
const OUTSIDE: Addr = Addr::new([8; 16]);

/// The address of a station.
fn station(number: u32) -> Addr {
    let mut address = Addr::new([1; 16]);
    address.octets[12..].copy_from_slice(&number.to_be_bytes());
    address
}

/// The original direction of a masqueraded flow.
pub(super) fn key(number: u32, proto: u8) -> SessionKey {
    SessionKey {
        src: station(number),
        dst: SERVER,
        network: 1,
        src_port: 1000,
        dst_port: 80,
        proto,
        pad: [0; 3],
    }
}

/// A direction that was last seen then.
pub(super) fn session(last_seen_ns: u64, flags: SessionFlags) -> Session {
    Session {
        created_ns: last_seen_ns.min(1_000_000_000),
        last_seen_ns,
        packets: 1,
        bytes: 40,
        next_hop: NextHop::default(),
        src: OUTSIDE,
        dst: SERVER,
        network: 1,
        src_port: 0,
        dst_port: 80,
        tcp_flags: 0,
        kind: 0,
        flags,
        deliver: 0,
        epoch: 0,
        enter: 0,
        slot: 0,
        station: [0; 6],
        xdp: 0,
        port: 0,
        pad2: 0,
    }
}

/// Both directions of a masqueraded flow, each with its key.
pub(super) fn pair(number: u32, proto: u8, last_seen_ns: u64) -> [(SessionKey, Session); 2] {
    let key = key(number, proto);
    let flags = SessionFlags::ORIGINAL.with(SessionFlags::FROM_INSIDE);
    // Stations share the outside address, an l4 port each 60,000 of them another one.
    let mut src = OUTSIDE;
    src.octets[..4].copy_from_slice(&(number / 60_000).to_be_bytes());
    let original = Session {
        src,
        src_port: (number % 60_000) as u16,
        ..session(last_seen_ns, flags.with(SessionFlags::MAPPED))
    };
    let reply = Session {
        src: key.dst,
        dst: key.src,
        src_port: key.dst_port,
        dst_port: key.src_port,
        enter: key.network,
        ..session(last_seen_ns, SessionFlags::TO_MAPPED)
    };
    [(key, original), (key.opposite(&original), reply)]
}

/// The inside's entry of a mapping that was last seen then.
pub(super) fn mapping(last_seen_ns: u64, flags: MappingFlags) -> Mapping {
    Mapping {
        last_seen_ns,
        address: OUTSIDE,
        network: 1,
        port: 40_000,
        flags,
        pad: 0,
    }
}

/// Both sides of the mapping that such a flow has.
pub(super) fn mapping_pair(
    number: u32,
    proto: u8,
    last_seen_ns: u64,
    flags: MappingFlags,
) -> [(MappingKey, Mapping); 2] {
    let [(key, original), _] = pair(number, proto, last_seen_ns);
    let inside = MappingKey {
        address: key.src,
        network: 1,
        port: key.src_port,
        proto,
        pad: 0,
    };
    let to_outside = Mapping {
        address: original.src,
        port: original.src_port,
        ..mapping(last_seen_ns, flags)
    };
    let to_inside = Mapping {
        address: key.src,
        port: key.src_port,
        ..mapping(0, MappingFlags::default())
    };
    [
        (inside, to_outside),
        (inside.opposite(&to_outside), to_inside),
    ]
}
