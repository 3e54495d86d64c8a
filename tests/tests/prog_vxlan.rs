//! Encapsulation and decapsulation, one frame at a time.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use netfwd_common::{
    maps::{ConfigFlags, FdbEntry, FdbFlags},
    verdict::DropReason,
};
use tests::{
    packet::{self, ETH_LEN, Ipv4, Mac, Vxlan, arp_request, ether_type, ethernet, v4},
    prog::{
        Expect, Fixture, Hook, Ran, SHORTEST, VNI, Verdict, World, mac, run_all, slot, station,
    },
};

const C1: Mac = [0x02, 0, 0, 0, 0, 11];
const C3: Mac = [0x02, 0, 0, 0, 0, 13];
const VTEP: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 2);

/// The headers that VXLAN over IPv4 puts in front of a frame.
const OUTER: usize = 50;

fn to_c3(src_port: u16) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.13").udp(src_port, 2000, b"from c1 to c3");
    ethernet(C3, C1, ether_type::IPV4, &ip)
}

fn to_c1() -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.13", "10.0.3.11").udp(1000, 2000, b"from c3 to c1");
    ethernet(C1, C3, ether_type::IPV4, &ip)
}

fn from_peer() -> Vxlan {
    Vxlan::new(PEER, VTEP, VNI).macs(mac::PEER, mac::UNDERLAY)
}

fn at_p1(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame)
        .given(|world| world.learn(C3, World::behind_peer()))
}

fn at_uplink(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(
        shows,
        Hook::UplinkIngress,
        |world| world.wires.underlay,
        frame,
    )
    .given(c1_is_known)
}

fn c1_is_known(world: &mut World) -> Result<()> {
    let mut entry = station(world.wires.p1, slot::P1);
    entry.flags = FdbFlags::XDP_TARGET;
    world.learn(C1, entry)
}

/// The UDP source port of an encapsulated frame.
fn source_port(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[34], frame[35]])
}

/// An error unless a frame is this inner one as this host encapsulates it.
fn is_encapsulated(ran: &Ran, inner: &[u8], tos: u8) -> Result<()> {
    let src_port = source_port(&ran.frame);
    ensure!(src_port >= 49_152, "source port {src_port}");
    let outer = Vxlan {
        src_port,
        tos,
        ..Vxlan::new(VTEP, PEER, VNI)
    };
    let expected = outer.macs(mac::UNDERLAY, mac::PEER).wrap(inner);
    ensure!(
        ran.frame == expected,
        "{:02x?} is not {expected:02x?}",
        ran.frame
    );
    packet::checksums(&ran.frame)
}

#[test]
fn encapsulation() -> Result<()> {
    run_all(vec![
        at_p1(
            "a frame for a station behind a peer gets exactly RFC 7348's headers",
            to_c3(1000),
        )
        .expect(Expect::verdict(Verdict::Redirect).then(|world, ran| {
            is_encapsulated(ran, &to_c3(1000), 0)?;
            let peer = world.counters(slot::PEER)?;
            ensure!(peer.tx_packets == 1, "{peer:?}");
            Ok(())
        })),
        at_p1("the inner TOS is inherited", inner_with_tos(0xb8)).expect(
            Expect::verdict(Verdict::Redirect)
                .then(|_, ran| is_encapsulated(ran, &inner_with_tos(0xb8), 0xb8)),
        ),
        at_p1("congestion marks are copied outwards", inner_with_tos(0x03)).expect(
            Expect::verdict(Verdict::Redirect)
                .then(|_, ran| is_encapsulated(ran, &inner_with_tos(0x03), 0x03)),
        ),
        at_p1("IPv6 is encapsulated as well", ipv6()).expect(
            Expect::verdict(Verdict::Redirect).then(|_, ran| {
                let port = source_port(&ran.frame);
                ensure!(port >= 49_152, "source port {port}");
                ensure!(ran.frame[OUTER..] == ipv6()[..], "the inner frame changed");
                Ok(())
            }),
        ),
        at_p1("ARP goes to the companion, untouched", arp())
            .expect(Expect::verdict(Verdict::Redirect).frame(arp())),
        at_p1("a frame of the whole MTU is encapsulated", sized(1450)).expect(
            Expect::verdict(Verdict::Redirect).then(|_, ran| {
                ensure!(
                    ran.frame.len() == ETH_LEN + 1500,
                    "{} octets",
                    ran.frame.len()
                );
                is_encapsulated(ran, &sized(1450), 0)
            }),
        ),
        at_p1("one octet more is too big", sized(1451))
            .expect(Expect::drop(slot::P1, DropReason::TooBig)),
        at_p1(
            "a peer whose next hop nobody knows is the companion's",
            to_c3(1000),
        )
        .given(|world| {
            let mut config = world.config();
            config.vtep[15] = 77;
            world.learn(C3, elsewhere())?;
            world.tables().set_config(config)
        })
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c3(1000))),
    ])
}

fn inner_with_tos(tos: u8) -> Vec<u8> {
    let ip = Ipv4 {
        tos,
        ..Ipv4::new("10.0.3.11", "10.0.3.13")
    };
    ethernet(C3, C1, ether_type::IPV4, &ip.udp(1000, 2000, b"marked"))
}

fn ipv6() -> Vec<u8> {
    let mut packet = vec![0; 48];
    packet[0] = 0x60;
    packet[4..8].copy_from_slice(&[0, 8, 17, 64]);
    packet[8..24].copy_from_slice(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]);
    packet[24..40].copy_from_slice(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13]);
    packet[40..48].copy_from_slice(&[0x10, 0, 0x20, 0, 0, 8, 0, 0]);
    ethernet(C3, C1, ether_type::IPV6, &packet)
}

fn arp() -> Vec<u8> {
    let mut frame = arp_request(C1, v4("10.0.3.11"), v4("10.0.3.13"));
    frame[..6].copy_from_slice(&C3);
    frame
}

/// A frame with an IP packet of so many octets.
fn sized(octets: usize) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.13").udp(1000, 2000, &vec![0x5a; octets - 28]);
    ethernet(C3, C1, ether_type::IPV4, &ip)
}

/// Behind a peer that is in no table.
fn elsewhere() -> FdbEntry {
    let mut entry = World::behind_peer();
    entry.peer[12..].copy_from_slice(&[172, 31, 9, 9]);
    entry
}

#[test]
fn flows_spread_over_source_ports() -> Result<()> {
    let mut world = World::new()?;
    world.learn(C3, World::behind_peer())?;
    let p1 = world.wires.p1;
    let mut port = |flow: u16| -> Result<u16> {
        Ok(source_port(
            &world.run(Hook::PortIngress, p1, &to_c3(flow))?.frame,
        ))
    };
    ensure!(port(1)? == port(1)?, "one flow has one source port");
    let ports = (0..64)
        .map(&mut port)
        .collect::<Result<std::collections::BTreeSet<u16>>>()?;
    ensure!(
        ports.len() > 48,
        "64 flows have {} source ports",
        ports.len()
    );
    Ok(())
}

#[test]
fn decapsulation() -> Result<()> {
    run_all(vec![
        at_uplink(
            "known unicast loses its outer headers and goes to its port",
            from_peer().wrap(&to_c1()),
        )
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(to_c1())
                .then(|world, _| {
                    let peer = world.counters(slot::PEER)?;
                    let port = world.counters(slot::P1)?;
                    let uplink = world.counters(slot::UNDERLAY)?;
                    ensure!((peer.rx_packets, port.tx_packets, uplink.rx_packets) == (1, 1, 1));
                    Ok(())
                }),
        ),
        at_uplink(
            "the inner source is learned behind the peer",
            from_peer().wrap(&to_c1()),
        )
        .expect(Expect::verdict(Verdict::Redirect).then(|world, _| {
            let entry = world.fdb(C3)?.context("it is not learned")?;
            ensure!(
                entry.peer == World::behind_peer().peer && entry.ifindex == 0,
                "{entry:?}"
            );
            Ok(())
        })),
        at_uplink("reserved bits are ignored on receipt", {
            Vxlan {
                flags: 0xff,
                ..from_peer()
            }
            .wrap(&to_c1())
        })
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c1())),
        at_uplink(
            "an unknown destination is the companion's",
            from_peer().wrap(&to_c1()),
        )
        .given(|_| Ok(()))
        .expect(Expect::verdict(Verdict::Pass).frame(from_peer().wrap(&to_c1()))),
        at_uplink("broadcast is the companion's", {
            from_peer().wrap(&arp_request(C3, v4("10.0.3.13"), v4("10.0.3.11")))
        }),
        at_uplink("news in the outer ECN field is the companion's", {
            Vxlan {
                tos: 3,
                ..from_peer()
            }
            .wrap(&to_c1())
        }),
        at_uplink("a host that accepts unknown senders takes their frames", {
            stranger().wrap(&to_c1())
        })
        .given(|world| {
            c1_is_known(world)?;
            let mut config = world.config();
            config.flags = config.flags.with(ConfigFlags::UNKNOWN_SOURCES);
            world.tables().set_config(config)
        })
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c1())),
        at_uplink("UDP to another port is the host's", {
            Vxlan {
                dst_port: 4790,
                ..from_peer()
            }
            .wrap(&to_c1())
        }),
        at_uplink("VXLAN to another address is the host's", {
            Vxlan {
                dst: v4("172.31.0.77"),
                ..from_peer()
            }
            .wrap(&to_c1())
        }),
    ])
}

fn stranger() -> Vxlan {
    Vxlan {
        src: v4("172.31.0.66"),
        ..from_peer()
    }
}

#[test]
fn refusals_on_decapsulation() -> Result<()> {
    let refused = |shows, frame, slot, reason| {
        at_uplink(shows, frame).expect(Expect::drop(slot, reason).then(|world, _| {
            ensure!(world.fdb(C3)?.is_none(), "its source was learned");
            ensure!(
                world.counters(slot::P1)?.tx_packets == 0,
                "it was forwarded"
            );
            Ok(())
        }))
    };
    let good = from_peer().wrap(&to_c1());
    run_all(vec![
        refused(
            "a VNI of no network here",
            Vxlan {
                vni: VNI + 1,
                ..from_peer()
            }
            .wrap(&to_c1()),
            slot::UNDERLAY,
            DropReason::UnknownVni,
        ),
        refused(
            "an address that is no peer",
            stranger().wrap(&to_c1()),
            slot::UNDERLAY,
            DropReason::UnknownPeer,
        ),
        refused(
            "a header without the I flag",
            Vxlan {
                flags: 0xf7,
                ..from_peer()
            }
            .wrap(&to_c1()),
            slot::UNDERLAY,
            DropReason::VxlanFlags,
        ),
        refused(
            "a UDP length that disagrees with IP's",
            with_octet(&good, 39, 1),
            slot::UNDERLAY,
            DropReason::Malformed,
        ),
        refused(
            "an IP length beyond the frame",
            with_octet(&good, 17, 1),
            slot::UNDERLAY,
            DropReason::Malformed,
        ),
        refused(
            "an inner frame shorter than its Ethernet header",
            from_peer().wrap(&to_c1()[..13]),
            slot::UNDERLAY,
            DropReason::Malformed,
        ),
        refused(
            "a group address as the inner source",
            from_peer().wrap(&with_octet(&to_c1(), 6, 1)),
            slot::PEER,
            DropReason::SourceMac,
        ),
        refused(
            "the gateway's MAC as the inner source",
            from_peer().wrap(&from_gateway()),
            slot::PEER,
            DropReason::GatewayFromPeer,
        ),
    ])
}

/// The frame with one octet increased.
fn with_octet(frame: &[u8], at: usize, more: u8) -> Vec<u8> {
    let mut frame = frame.to_vec();
    frame[at] = frame[at].wrapping_add(more);
    frame
}

fn from_gateway() -> Vec<u8> {
    let mut frame = to_c1();
    frame[6..12].copy_from_slice(&mac::GATEWAY);
    frame
}

#[test]
fn truncated_frames_are_never_forwarded() -> Result<()> {
    let mut world = World::new()?;
    c1_is_known(&mut world)?;
    world.learn(C3, World::behind_peer())?;
    let whole = from_peer().wrap(&to_c1());
    let underlay = world.wires.underlay;
    for hook in [Hook::UplinkIngress, Hook::UplinkXdp] {
        for len in SHORTEST..whole.len() {
            let ran = world.run(hook, underlay, &whole[..len])?;
            ensure!(
                ran.verdict != Verdict::Redirect,
                "{hook:?} forwards {len} octets"
            );
        }
        for len in 0..to_c1().len() {
            // The outer lengths agree: what is cut off is the inner packet.
            let ran = world.run(hook, underlay, &from_peer().wrap(&to_c1()[..len]))?;
            ensure!(
                ran.verdict != Verdict::Redirect,
                "{hook:?} forwards {len} inner octets"
            );
        }
        let ran = world.run(hook, underlay, &whole)?;
        ensure!(
            ran.verdict == Verdict::Redirect,
            "{hook:?} forwards no whole frame either"
        );
    }
    Ok(())
}

#[test]
fn xdp_takes_what_it_can_finish_and_leaves_the_rest() -> Result<()> {
    let at_xdp = |shows, frame| {
        Fixture::new(shows, Hook::UplinkXdp, |world| world.wires.underlay, frame).given(|world| {
            c1_is_known(world)?;
            world.learn(C3, World::behind_peer())
        })
    };
    let untouched = |frame: &[u8]| Expect::verdict(Verdict::Pass).frame(frame.to_vec());
    let good = from_peer().wrap(&to_c1());
    let unknown = Vxlan {
        vni: VNI + 1,
        ..from_peer()
    }
    .wrap(&to_c1());
    let plain = ethernet(mac::UNDERLAY, mac::PEER, ether_type::IPV4, &{
        Ipv4::new("172.31.0.2", "172.31.0.1").udp(1, 2, b"for the host")
    });
    run_all(vec![
        at_xdp(
            "known unicast between known stations is finished",
            good.clone(),
        )
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(to_c1())
                .then(|world, _| {
                    let (peer, port) = (world.counters(slot::PEER)?, world.counters(slot::P1)?);
                    ensure!((peer.rx_packets, port.tx_packets) == (1, 1));
                    Ok(())
                }),
        ),
        at_xdp("a sender that is yet to be learned is TC's", good.clone())
            .given(c1_is_known)
            .expect(untouched(&good)),
        at_xdp("a port that takes no XDP frames is TC's", good.clone())
            .given(|world| {
                world.learn(C1, station(world.wires.p1, slot::P1))?;
                world.learn(C3, World::behind_peer())
            })
            .expect(untouched(&good)),
        at_xdp("an unknown VNI is TC's to drop and count", unknown.clone())
            .expect(untouched(&unknown)),
        at_xdp("what is no VXLAN is untouched", plain.clone()).expect(untouched(&plain)),
    ])
}

#[test]
fn the_companion_forwards_nothing_without_a_tunnel() -> Result<()> {
    run_all(vec![
        Fixture::new(
            "a frame that no tunnel brought",
            Hook::OverlayIngress,
            |world| world.wires.companion,
            to_c1(),
        )
        .given(c1_is_known)
        .expect(Expect::drop(slot::NONE, DropReason::DecapFailed)),
    ])
}
