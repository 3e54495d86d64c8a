//! Decapsulation in TC and XDP, one frame at a time.

use std::net::Ipv4Addr;

use anyhow::{Context, Result, ensure};
use netfwd_common::{
    maps::{ConfigFlags, FdbFlags},
    verdict::DropReason,
};
use tests::{
    packet::{Ipv4, Vxlan, arp_request, ether_type, ethernet, mend_ipv4, v4},
    prog::{
        Expect, Fixture, Hook, SHORTEST, VNI, Verdict, World,
        mac::{self, C1, C3},
        run_all, slot, station,
    },
};

const VTEP: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 2);

fn to_c1() -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.13", "10.0.3.11").udp(1000, 2000, b"from c3 to c1");
    ethernet(C1, C3, ether_type::IPV4, &ip)
}

fn from_peer() -> Vxlan {
    Vxlan::new(PEER, VTEP, VNI).macs(mac::PEER, mac::UNDERLAY)
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
    ])
}

#[test]
fn what_decapsulation_leaves_to_others() -> Result<()> {
    run_all(vec![
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
            marked(3).wrap(&capable())
        })
        .expect(Expect::verdict(Verdict::Pass).frame(marked(3).wrap(&capable()))),
        at_uplink(
            "an outer UDP checksum is the companion's to verify",
            checksummed(),
        )
        .expect(Expect::verdict(Verdict::Pass).frame(checksummed())),
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

/// With a TOS in the outer header.
fn marked(tos: u8) -> Vxlan {
    Vxlan { tos, ..from_peer() }
}

/// An inner packet whose ends understand congestion marks.
fn capable() -> Vec<u8> {
    let ip = Ipv4 {
        tos: 2,
        ..Ipv4::new("10.0.3.13", "10.0.3.11")
    };
    ethernet(C1, C3, ether_type::IPV4, &ip.udp(1000, 2000, b"capable"))
}

/// Where the VXLAN header starts.
const UDP_PAYLOAD: usize = 42;

fn checksummed() -> Vec<u8> {
    let payload = from_peer().wrap(&to_c1())[UDP_PAYLOAD..].to_vec();
    let ip = Ipv4::between(PEER, VTEP).udp(50_000, 4789, &payload);
    ethernet(mac::UNDERLAY, mac::PEER, ether_type::IPV4, &ip)
}

fn stranger() -> Vxlan {
    Vxlan {
        src: v4("172.31.0.66"),
        ..from_peer()
    }
}

fn refused(shows: &'static str, frame: Vec<u8>, slot: u32, reason: DropReason) -> Fixture {
    at_uplink(shows, frame).expect(Expect::drop(slot, reason).then(|world, _| {
        ensure!(world.fdb(C3)?.is_none(), "its source was learned");
        ensure!(
            world.counters(slot::P1)?.tx_packets == 0,
            "it was forwarded"
        );
        Ok(())
    }))
}

#[test]
fn headers_that_decapsulation_refuses() -> Result<()> {
    let good = from_peer().wrap(&to_c1());
    let mut too_long = with_octet(&good, 17, 1);
    mend_ipv4(&mut too_long);
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
            "congestion that the inner sender cannot be told of (RFC 6040 §4.2)",
            marked(3).wrap(&to_c1()),
            slot::PEER,
            DropReason::Ecn,
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
            too_long,
            slot::UNDERLAY,
            DropReason::Malformed,
        ),
        refused(
            "an inner frame shorter than its Ethernet header",
            from_peer().wrap(&to_c1()[..13]),
            slot::UNDERLAY,
            DropReason::Malformed,
        ),
    ])
}

#[test]
fn inner_sources_that_decapsulation_refuses() -> Result<()> {
    run_all(vec![
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
    let elsewhere = from_peer().macs(mac::PEER, mac::UPLINK).wrap(&to_c1());
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
        at_xdp("a frame to another's MAC is not ours", elsewhere.clone())
            .expect(untouched(&elsewhere)),
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
