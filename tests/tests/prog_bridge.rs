//! Learning and forwarding within one network: `port_ingress` on one frame at a time.

use anyhow::{Result, ensure};
use netfwd_common::{
    maps::{FdbFlags, NetworkFlags, Port, PortFlags},
    verdict::DropReason,
};
use tests::{
    packet::{BROADCAST, Ipv4, Ipv6, Mac, arp_request, ether_type, ethernet, v4},
    prog::{
        Expect, Fixture, Hook, NETWORK, Verdict, World,
        mac::{self, C1, C2},
        run_all, slot, station,
    },
};

const NOBODY: Mac = [0x02, 0, 0, 0, 0, 99];

fn frame(dst: Mac, src: Mac) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.12").udp(1000, 2000, b"from c1 to c2");
    ethernet(dst, src, ether_type::IPV4, &ip)
}

/// A frame that arrives on `p1`.
fn at_p1(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame)
}

fn c2_is_known(world: &mut World) -> Result<()> {
    let entry = station(world.wires.p2, slot::P2);
    world.learn(C2, entry)
}

fn c1_is_at(world: &mut World, flags: FdbFlags) -> Result<()> {
    c2_is_known(world)?;
    let mut entry = station(world.wires.p2, slot::P2);
    entry.flags = flags;
    world.learn(C1, entry)
}

/// Redirected to where it was, and `p1`'s claim to the source changed nothing.
fn c1_stays(world: &mut World) -> Result<()> {
    let entry = world.fdb(C1)?.expect("it was put there");
    ensure!(entry.ifindex == world.wires.p2, "it moved: {entry:?}");
    Ok(())
}

fn set_port(world: &mut World, change: fn(&mut Port)) -> Result<()> {
    let mut port = World::port(slot::P1);
    change(&mut port);
    let ifindex = world.wires.p1;
    world.tables().put("ports", &ifindex, &port)
}

fn clear_unknown_unicast(world: &mut World) -> Result<()> {
    let mut network = world.network();
    network.flags = network.flags.without(NetworkFlags::UNKNOWN_UNICAST);
    // The loader leaves the gateway and the ports that want none as the only targets.
    network.flood_len = 0;
    world.tables().put("networks", &NETWORK, &network)
}

/// How many frames went to `p1`, `p2`, the gateway and the peer.
fn sent(world: &mut World) -> Result<[u64; 4]> {
    let mut sent = [0; 4];
    for (count, slot) in sent
        .iter_mut()
        .zip([slot::P1, slot::P2, slot::GATEWAY, slot::PEER])
    {
        *count = world.counters(slot)?.tx_packets;
    }
    Ok(sent)
}

#[test]
fn forwarding() -> Result<()> {
    let to_c2 = frame(C2, C1);
    run_all(vec![
        at_p1(
            "known unicast goes to its port, unchanged, and both ends count it",
            to_c2.clone(),
        )
        .given(c2_is_known)
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(to_c2.clone())
                .then(|world, ran| {
                    let (from, to) = (world.counters(slot::P1)?, world.counters(slot::P2)?);
                    ensure!((from.rx_packets, from.rx_bytes) == (1, ran.frame.len() as u64));
                    ensure!((to.tx_packets, to.tx_bytes) == (1, ran.frame.len() as u64));
                    Ok(())
                }),
        ),
        at_p1(
            "a station behind the port that the frame came from gets nothing",
            frame(NOBODY, C1),
        )
        .given(|world| world.learn(NOBODY, station(world.wires.p1, slot::P1)))
        .expect(Expect::drop(slot::P1, DropReason::SamePort)),
        at_p1("an interface that is no port is the host's", to_c2.clone())
            .given(|world| {
                let ifindex = world.wires.p1;
                world.tables().clear::<u32, Port>("ports")?;
                world.learn(C2, station(ifindex, slot::P1))
            })
            .expect(Expect::verdict(Verdict::Pass).frame(to_c2.clone())),
        at_p1(
            "a port whose network is gone forwards nothing",
            to_c2.clone(),
        )
        .given(|world| set_port(world, |port| port.network = 99))
        .expect(Expect::drop(slot::P1, DropReason::NoNetwork)),
    ])
}

#[test]
fn isolation_and_the_gateway() -> Result<()> {
    let to_c2 = frame(C2, C1);
    run_all(vec![
        at_p1("isolated ports do not reach each other", to_c2.clone())
            .given(|world| {
                let mut entry = station(world.wires.p2, slot::P2);
                entry.flags = FdbFlags::ISOLATED;
                world.learn(C2, entry)?;
                set_port(world, |port| {
                    port.flags = port.flags.with(PortFlags::ISOLATED);
                })
            })
            .expect(Expect::drop(slot::P1, DropReason::Isolated)),
        at_p1("an isolated port reaches one that is not", to_c2.clone())
            .given(|world| {
                c2_is_known(world)?;
                set_port(world, |port| {
                    port.flags = port.flags.with(PortFlags::ISOLATED);
                })
            })
            .expect(Expect::verdict(Verdict::Redirect).frame(to_c2)),
        at_p1("IPv6 for the gateway goes to its device", {
            let packet = Ipv6::new("fd00:3::11", "fd00:3::1").udp(1000, 53, b"query");
            ethernet(mac::GATEWAY, C1, ether_type::IPV6, &packet)
        })
        .expect(Expect::verdict(Verdict::Redirect)),
        at_p1("ARP for the gateway goes to its device alone", {
            arp_request(C1, v4("10.0.3.11"), v4("10.0.3.1"))
        })
        .expect(Expect::verdict(Verdict::Redirect).then(|world, _| {
            let sent = sent(world)?;
            ensure!(sent[1] == 0 && sent[3] == 0, "sent {sent:?}");
            Ok(())
        })),
    ])
}

#[test]
fn flooding() -> Result<()> {
    run_all(vec![
        at_p1(
            "broadcast goes to every port, the gateway and the peer, not back",
            frame(BROADCAST, C1),
        )
        .expect(Expect::verdict(Verdict::Shot).then(|world, _| {
            let sent = sent(world)?;
            ensure!(sent == [0, 1, 1, 1], "sent {sent:?}");
            Ok(())
        })),
        at_p1("ARP for another station is flooded", {
            arp_request(C1, v4("10.0.3.11"), v4("10.0.3.12"))
        })
        .expect(Expect::verdict(Verdict::Shot).then(|world, _| {
            let sent = sent(world)?;
            ensure!(sent == [0, 1, 1, 1], "sent {sent:?}");
            Ok(())
        })),
        at_p1(
            "unknown unicast goes to ports and peers that take it",
            frame(NOBODY, C1),
        )
        .expect(Expect::verdict(Verdict::Shot).then(|world, _| {
            let sent = sent(world)?;
            ensure!(sent == [0, 1, 0, 1], "sent {sent:?}");
            Ok(())
        })),
        at_p1(
            "unknown unicast is dropped where the network does not flood it",
            frame(NOBODY, C1),
        )
        .given(clear_unknown_unicast)
        .expect(Expect::drop(slot::P1, DropReason::UnknownUnicast)),
        at_p1("a station past its ageing time is unknown", frame(C2, C1))
            .given(|world| {
                let mut entry = station(world.wires.p2, slot::P2);
                entry.last_seen_ns = 1;
                world.learn(C2, entry)?;
                let mut network = world.network();
                network.ageing_ns = 1;
                world.tables().put("networks", &NETWORK, &network)
            })
            .expect(Expect::verdict(Verdict::Shot).then(|world, _| {
                let sent = sent(world)?;
                ensure!(sent == [0, 1, 0, 1], "sent {sent:?}");
                Ok(())
            })),
        at_p1("a static station does not age", frame(C2, C1))
            .given(|world| {
                let mut entry = station(world.wires.p2, slot::P2);
                (entry.last_seen_ns, entry.flags) = (0, FdbFlags::STATIC);
                world.learn(C2, entry)
            })
            .expect(Expect::verdict(Verdict::Redirect)),
    ])
}

#[test]
fn learning() -> Result<()> {
    run_all(vec![
        at_p1("a source is learned behind its port", frame(C2, C1))
            .given(c2_is_known)
            .expect(Expect::verdict(Verdict::Redirect).then(|world, _| {
                let entry = world.fdb(C1)?.expect("it is learned");
                ensure!(
                    (entry.ifindex, entry.slot) == (world.wires.p1, slot::P1),
                    "{entry:?}"
                );
                ensure!(entry.last_seen_ns != 0 && entry.flags == FdbFlags::default());
                Ok(())
            })),
        at_p1(
            "a station that moved is learned where it is now",
            frame(C2, C1),
        )
        .given(|world| c1_is_at(world, FdbFlags::default()))
        .expect(Expect::verdict(Verdict::Redirect).then(|world, _| {
            let entry = world.fdb(C1)?.expect("it was put there");
            ensure!(entry.ifindex == world.wires.p1, "it stayed: {entry:?}");
            Ok(())
        })),
        at_p1("a static station stays", frame(C2, C1))
            .given(|world| c1_is_at(world, FdbFlags::STATIC))
            .expect(Expect::verdict(Verdict::Redirect).then(|world, _| c1_stays(world))),
        at_p1("a sticky station stays", frame(C2, C1))
            .given(|world| c1_is_at(world, FdbFlags::STICKY))
            .expect(Expect::verdict(Verdict::Redirect).then(|world, _| c1_stays(world))),
        at_p1("a port that does not learn learns nothing", frame(C2, C1))
            .given(|world| {
                c2_is_known(world)?;
                set_port(world, |port| port.flags = PortFlags::UNKNOWN_UNICAST)
            })
            .expect(Expect::verdict(Verdict::Redirect).then(|world, _| {
                ensure!(world.fdb(C1)?.is_none());
                Ok(())
            })),
    ])
}

#[test]
fn sources_that_nobody_may_use() -> Result<()> {
    run_all(vec![
        at_p1(
            "a group address is no source",
            frame(C2, [0x03, 0, 0, 0, 0, 11]),
        )
        .given(c2_is_known)
        .expect(
            Expect::drop(slot::P1, DropReason::SourceMac).then(|world, _| {
                ensure!(world.fdb([0x03, 0, 0, 0, 0, 11])?.is_none());
                Ok(())
            }),
        ),
        at_p1("the broadcast address is no source", frame(C2, BROADCAST))
            .expect(Expect::drop(slot::P1, DropReason::SourceMac)),
        at_p1("all zero is no source", frame(C2, [0; 6]))
            .expect(Expect::drop(slot::P1, DropReason::SourceMac)),
        at_p1(
            "the gateway's MAC is no port's source",
            frame(C2, mac::GATEWAY),
        )
        .given(c2_is_known)
        .expect(Expect::drop(slot::P1, DropReason::SourceSpoofed)),
    ])
}

#[test]
fn link_local_groups_are_the_hosts() -> Result<()> {
    let fixtures = (0..16).map(|last| {
        let frame = frame([0x01, 0x80, 0xc2, 0, 0, last], C1);
        at_p1(
            "a link-local group passes to the host, unchanged",
            frame.clone(),
        )
        .expect(Expect::verdict(Verdict::Pass).frame(frame))
    });
    run_all(fixtures.collect())
}

#[test]
fn the_gateway_sends_into_the_network() -> Result<()> {
    let at_gateway = |shows, frame| {
        Fixture::new(
            shows,
            Hook::PortIngress,
            |world| world.wires.gateway_port,
            frame,
        )
    };
    run_all(vec![
        at_gateway(
            "the host's frame reaches a station",
            frame(C2, mac::GATEWAY),
        )
        .given(c2_is_known)
        .expect(Expect::verdict(Verdict::Redirect)),
        at_gateway("the host's broadcast does not come back to the host", {
            frame(BROADCAST, mac::GATEWAY)
        })
        .expect(Expect::verdict(Verdict::Shot).then(|world, _| {
            let sent = sent(world)?;
            ensure!(sent == [1, 1, 0, 1], "sent {sent:?}");
            Ok(())
        })),
    ])
}
