//! ICMP errors about translated packets: what the texts say of types and headers.

use netfwd_common::{
    addr::Addr,
    icmp_error::{
        Checksum, checksum, is_error_v4, is_error_v6, ports, quoted_identifier, quoted_ports,
        turn_round,
    },
    maps::{NextHop, Session, SessionFlags, SessionKey},
    nat::proto,
};
use proptest::prelude::*;

#[test]
fn errors_are_those_that_tell_of_a_packets_fate() {
    let v4: Vec<u8> = (0..=255).filter(|kind| is_error_v4(*kind)).collect();
    let v6: Vec<u8> = (0..=255).filter(|kind| is_error_v6(*kind)).collect();
    assert_eq!(v4, [3, 11, 12]);
    assert_eq!(v6, [1, 2, 3, 4]);
}

#[test]
fn an_echos_identifier_is_the_askers_port() {
    let header = |kind| [kind, 0, 0xab, 0xcd, 0x12, 0x34, 0, 1];
    assert_eq!(ports(proto::ICMP, &header(8)), Some((0x1234, 0)));
    assert_eq!(ports(proto::ICMP, &header(0)), Some((0, 0x1234)));
    assert_eq!(ports(proto::ICMPV6, &header(128)), Some((0x1234, 0)));
    assert_eq!(ports(proto::ICMPV6, &header(129)), Some((0, 0x1234)));
    assert_eq!(ports(proto::ICMP, &header(13)), None);
    assert_eq!(ports(proto::ICMPV6, &header(8)), None);
}

#[test]
fn protocols_without_ports_go_by_address() {
    const GRE: u8 = 47;
    assert_eq!(ports(GRE, &[1; 8]), Some((0, 0)));
    assert_eq!(checksum(GRE), None);
    assert_eq!(checksum(proto::SCTP), None);
}

#[test]
fn checksums_stand_where_the_texts_have_them() {
    let of = |at, addresses, optional| {
        Some(Checksum {
            at,
            addresses,
            optional,
        })
    };
    assert_eq!(checksum(proto::TCP), of(16, true, false));
    assert_eq!(checksum(proto::UDP), of(6, true, true));
    assert_eq!(checksum(proto::ICMP), of(2, false, false));
    assert_eq!(checksum(proto::ICMPV6), of(2, true, false));
}

fn key(src: [u8; 16], dst: [u8; 16], src_port: u16, dst_port: u16) -> SessionKey {
    SessionKey {
        src: Addr::new(src),
        dst: Addr::new(dst),
        network: 7,
        src_port,
        dst_port,
        proto: proto::TCP,
        pad: [0; 3],
    }
}

fn session(src_port: u16, dst_port: u16) -> Session {
    Session {
        last_seen_ns: 0,
        packets: 0,
        bytes: 0,
        src: Addr::new([1; 16]),
        dst: Addr::new([2; 16]),
        src_port,
        dst_port,
        tcp_flags: 0,
        kind: 0,
        flags: SessionFlags::default(),
        deliver: 0,
        next_hop: NextHop::default(),
        epoch: 0,
        enter: 0,
        slot: 0,
        network: 7,
        station: [0; 6],
        xdp: 0,
        port: 0,
        pad2: 0,
        created_ns: 0,
    }
}

proptest! {
    #[test]
    fn turned_round_twice_is_as_before(
        src in any::<[u8; 16]>(), dst in any::<[u8; 16]>(), a in any::<u16>(), b in any::<u16>()
    ) {
        let before = key(src, dst, a, b);
        let mut turned = before;
        turn_round(&mut turned);
        prop_assert_eq!(turned, key(dst, src, b, a));
        turn_round(&mut turned);
        prop_assert_eq!(turned, before);
    }

    /// The quote of a packet that was sent one way reads as the opposite direction leaves.
    #[test]
    fn what_is_quoted_reads_as_the_answer_turned_round(a in any::<u16>(), b in any::<u16>()) {
        let [high, low] = a.to_be_bytes();
        let answer = session(b, a);
        let [c, d, e, f] = quoted_ports(&answer);
        prop_assert_eq!(ports(proto::UDP, &[c, d, e, f, 0, 0, 0, 0]), Some((a, b)));
        prop_assert_eq!(quoted_identifier(&session(0, a)), [high, low]);
        prop_assert_eq!(quoted_identifier(&session(a, 0)), [high, low]);
    }
}
