//! VXLAN over IPv6, to groups, to another port, with reserved bits: one frame at a time.

use std::net::Ipv6Addr;

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::Addr,
    maps::{ConfigFlags, FdbFlags, MemberKey},
    verdict::DropReason,
};
use tests::{
    packet::{Ipv4, Ipv6, Vxlan, ether_type, ethernet, v4},
    prog::{
        Expect, Fixture, Hook, NETWORK, PEER_V6, VNI, VTEP_V6, Verdict, World,
        mac::{self, C1, C3},
        run_all, slot, station,
    },
};

/// Octets of the headers in front of the inner frame.
const OUTER: usize = 70;
/// Where the UDP header starts.
const UDP: usize = 54;

fn to_c1() -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.13", "10.0.3.11").udp(1000, 2000, b"from c3 to c1");
    ethernet(C1, C3, ether_type::IPV4, &ip)
}

fn to_c1_v6() -> Vec<u8> {
    let ip = Ipv6::new("fd00:3::13", "fd00:3::11").udp(1000, 2000, b"from c3 to c1");
    ethernet(C1, C3, ether_type::IPV6, &ip)
}

fn to_c3() -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.13").udp(1000, 2000, b"from c1 to c3");
    ethernet(C3, C1, ether_type::IPV4, &ip)
}

fn plain() -> Vxlan {
    Vxlan::new(v4("172.31.0.2"), v4("172.31.0.1"), VNI).macs(mac::PEER, mac::UNDERLAY)
}

/// From the peer over IPv6.
fn over_v6(inner: &[u8]) -> Vec<u8> {
    plain().wrap_v6(inner, PEER_V6.octets.into(), VTEP_V6.octets.into())
}

fn c1_is_known(world: &mut World) -> Result<()> {
    let mut entry = station(world.wires.p1, slot::P1);
    entry.flags = FdbFlags::XDP_TARGET;
    world.learn(C1, entry)
}

fn c1_and_c3_are_known(world: &mut World) -> Result<()> {
    c1_is_known(world)?;
    world.learn(C3, World::behind_peer_v6())
}

fn strict(world: &mut World) -> Result<()> {
    c1_is_known(world)?;
    let mut config = world.config();
    config.flags = config.flags.with(ConfigFlags::STRICT);
    world.tables().set_config(config)
}

fn at_uplink(shows: &'static str, frame: Vec<u8>) -> Fixture {
    let on = |world: &World| world.wires.underlay;
    Fixture::new(shows, Hook::UplinkIngress, on, frame).given(c1_is_known)
}

#[test]
fn decapsulation_over_ipv6() -> Result<()> {
    run_all(vec![
        at_uplink("IPv6 in IPv6", over_v6(&to_c1_v6()))
            .expect(Expect::verdict(Verdict::Redirect).frame(to_c1_v6())),
        at_uplink("IPv4 in IPv6", over_v6(&to_c1())).expect(
            Expect::verdict(Verdict::Redirect)
                .frame(to_c1())
                .then(|world, _| {
                    let (peer, port) = (world.counters(slot::PEER)?, world.counters(slot::P1)?);
                    ensure!((peer.rx_packets, port.tx_packets) == (1, 1));
                    ensure!(peer.rx_bytes == to_c1().len() as u64, "{peer:?}");
                    let learned = world.fdb(C3)?.map(|entry| entry.peer);
                    ensure!(learned == Some(PEER_V6), "{learned:?}");
                    Ok(())
                }),
        ),
        Fixture::new(
            "a NIC's frame that XDP takes whole",
            Hook::UplinkXdp,
            |world| world.wires.underlay,
            over_v6(&to_c1()),
        )
        .given(c1_and_c3_are_known)
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c1())),
        at_uplink("a UDP checksum is the companion's to verify", {
            let mut frame = over_v6(&to_c1_v6());
            frame[UDP + 6..UDP + 8].copy_from_slice(&[0xab, 0xcd]);
            frame
        }),
        at_uplink("extension headers are the stack's", {
            let mut frame = over_v6(&to_c1_v6());
            frame[20] = 60;
            frame
        }),
        at_uplink("another destination is the host's", {
            plain().wrap_v6(&to_c1_v6(), PEER_V6.octets.into(), Ipv6Addr::LOCALHOST)
        }),
    ])
}

fn refused(shows: &'static str, frame: Vec<u8>, slot: u32, reason: DropReason) -> Fixture {
    at_uplink(shows, frame).expect(Expect::drop(slot, reason).then(|world, _| {
        ensure!(world.fdb(C3)?.is_none(), "its source was learned");
        Ok(())
    }))
}

fn changed(at: usize, to: u8) -> Vec<u8> {
    let mut frame = over_v6(&to_c1_v6());
    frame[at] = to;
    frame
}

#[test]
fn what_is_refused_over_ipv6() -> Result<()> {
    let stranger = Ipv6Addr::new(0xfd00, 0xa0, 0, 0, 0, 0, 0, 9);
    run_all(vec![
        refused(
            "an address that is no peer",
            plain().wrap_v6(&to_c1_v6(), stranger, VTEP_V6.octets.into()),
            slot::UNDERLAY,
            DropReason::UnknownPeer,
        ),
        refused(
            "no I flag",
            changed(UDP + 8, 0),
            slot::UNDERLAY,
            DropReason::VxlanFlags,
        ),
        refused(
            "a VNI of no network",
            changed(UDP + 12, 1),
            slot::UNDERLAY,
            DropReason::UnknownVni,
        ),
        refused(
            "a UDP length that IPv6 does not agree with",
            changed(UDP + 5, 20),
            slot::UNDERLAY,
            DropReason::Malformed,
        ),
        refused(
            "a packet longer than the frame",
            changed(18, 1),
            slot::UNDERLAY,
            DropReason::Malformed,
        ),
    ])
}

#[test]
fn encapsulation_over_ipv6() -> Result<()> {
    let behind = |world: &mut World| world.learn(C3, World::behind_peer_v6());
    run_all(vec![
        Fixture::new(
            "outer headers of IPv6, and the flow in port and label",
            Hook::PortIngress,
            |world| world.wires.p1,
            to_c3(),
        )
        .given(behind)
        .expect(Expect::verdict(Verdict::Redirect).then(|_, ran| {
            let src_port = u16::from_be_bytes([ran.frame[UDP], ran.frame[UDP + 1]]);
            ensure!(src_port >= 49_152, "source port {src_port}");
            let outer = Vxlan {
                src_port,
                ..plain().macs(mac::UNDERLAY, mac::PEER)
            };
            let mut expected =
                outer.wrap_v6(&to_c3(), VTEP_V6.octets.into(), PEER_V6.octets.into());
            ensure!(ran.frame[15..18] != [0, 0, 0], "no flow label");
            expected[15..18].copy_from_slice(&ran.frame[15..18]);
            ensure!(ran.frame == expected, "{:02x?}\n{expected:02x?}", ran.frame);
            Ok(())
        })),
        Fixture::new(
            "an outer checksum makes it the companion's",
            Hook::PortIngress,
            |world| world.wires.p1,
            to_c3(),
        )
        .given(|world| {
            world.learn(C3, World::behind_peer_v6())?;
            let mut config = world.config();
            config.flags = config.flags.with(ConfigFlags::UDP_CHECKSUM);
            world.tables().set_config(config)
        })
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c3())),
    ])
}

/// With every reserved bit set.
fn reserved(inner: &[u8]) -> Vec<u8> {
    let mut frame = plain().wrap(inner);
    frame[42..46].copy_from_slice(&[0xff; 4]);
    frame[49] = 0xff;
    frame
}

#[test]
fn reserved_bits() -> Result<()> {
    run_all(vec![
        at_uplink("are ignored (RFC 7348 §5)", reserved(&to_c1()))
            .expect(Expect::verdict(Verdict::Redirect).frame(to_c1())),
        at_uplink("are cleared for the companion", reserved(&to_c1()))
            .given(|_| Ok(()))
            .expect(Expect::verdict(Verdict::Pass).frame(plain().wrap(&to_c1()))),
        at_uplink("are refused by a strict host", reserved(&to_c1()))
            .given(strict)
            .expect(Expect::drop(slot::UNDERLAY, DropReason::VxlanReserved)),
        at_uplink(
            "unset are no matter to a strict host",
            plain().wrap(&to_c1()),
        )
        .given(strict)
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c1())),
    ])
}

#[test]
fn ports_and_groups() -> Result<()> {
    let to_group = |dst_mac| {
        Vxlan {
            dst: v4("239.1.1.1"),
            dst_mac,
            ..plain()
        }
        .wrap(&to_c1())
    };
    run_all(vec![
        at_uplink("a peer's own port is taken too", {
            Vxlan {
                dst_port: 8472,
                ..plain()
            }
            .wrap(&to_c1())
        })
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c1())),
        at_uplink("what is sent to a group is the companion's", {
            to_group([0x01, 0, 0x5e, 1, 1, 1])
        }),
        at_uplink(
            "a group's address in a frame for this host is nothing of ours",
            to_group(mac::UNDERLAY),
        ),
    ])
}

#[test]
fn senders_that_are_not_configured_are_noted_where_they_may_send() -> Result<()> {
    let stranger = Ipv6Addr::new(0xfd00, 0xa0, 0, 0, 0, 0, 0, 9);
    run_all(vec![
        at_uplink("in an open network", {
            plain().wrap_v6(&to_c1_v6(), stranger, VTEP_V6.octets.into())
        })
        .given(|world| {
            c1_is_known(world)?;
            world.set_network(|network| {
                network.flags = network
                    .flags
                    .with(netfwd_common::maps::NetworkFlags::ANY_PEER);
            })
        })
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(to_c1_v6())
                .then(|world, _| {
                    let peer = Addr::new(Ipv6Addr::new(0xfd00, 0xa0, 0, 0, 0, 0, 0, 9).octets());
                    let key = MemberKey {
                        network: NETWORK,
                        peer,
                    };
                    let member: Option<netfwd_common::maps::Member> =
                        world.tables().get("members", &key)?;
                    ensure!(member.is_some_and(|member| member.slot == slot::NETWORK));
                    let learned: Option<netfwd_common::maps::Peer> =
                        world.tables().get("peers", &peer)?;
                    let flags = learned.map(|learned| learned.flags);
                    ensure!(
                        flags == Some(netfwd_common::maps::PeerFlags::LEARNED),
                        "{flags:?}"
                    );
                    Ok(())
                }),
        ),
    ])
}

#[test]
fn the_headers_in_front_have_the_length_that_mtu_is_reckoned_with() {
    let frame = over_v6(&to_c1());
    assert_eq!(frame.len() - to_c1().len(), OUTER);
}
