//! What is remembered of the way across hosts, out and in, and what makes a frame be looked at anew.

use anyhow::{Result, ensure};
use netfwd_common::{maps::Express, verdict::DropReason};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use tests::{
    packet::{Ipv4, Vxlan, arp_reply, checksums, ether_type, ethernet, v4},
    prog::{
        Hook, PEER_V6, VNI, VTEP_V6, Verdict, World,
        mac::{self, C1, C3},
        slot, station,
    },
};

/// How often a way is looked at: it lasts 100 jiffies, and the machine may be busy.
const TRIES: u32 = 50;

fn world() -> Result<World> {
    let mut first = CpuSet::new();
    first.set(0)?;
    sched_setaffinity(Pid::from_raw(0), &first)?;
    let mut world = World::new()?;
    let p1 = world.wires.p1;
    world.learn(C1, station(p1, slot::P1))?;
    world.learn(C3, World::behind_peer())?;
    Ok(world)
}

fn packet(tos: u8, payload: &[u8]) -> Vec<u8> {
    Ipv4 {
        tos,
        ..Ipv4::new("10.0.3.13", "10.0.3.11")
    }
    .udp(1000, 2000, payload)
}

fn to_c1(tos: u8) -> Vec<u8> {
    ethernet(C1, C3, ether_type::IPV4, &packet(tos, b"from c3 to c1"))
}

fn from_peer() -> Vxlan {
    Vxlan::new(v4("172.31.0.2"), v4("172.31.0.1"), VNI).macs(mac::PEER, mac::UNDERLAY)
}

fn over(v6: bool, outer: Vxlan, inner: &[u8]) -> Vec<u8> {
    if v6 {
        outer.wrap_v6(inner, PEER_V6.octets.into(), VTEP_V6.octets.into())
    } else {
        outer.wrap(inner)
    }
}

/// Frames that port `p1` got when one arrived on the uplink.
fn received(world: &mut World, frame: &[u8]) -> Result<u64> {
    let before = world.counters(slot::P1)?.tx_packets;
    let ifindex = world.wires.underlay;
    world.run(Hook::UplinkIngress, ifindex, frame)?;
    Ok(world.counters(slot::P1)?.tx_packets - before)
}

/// Has the way of a frame remembered: the destination then stands elsewhere, and nobody has said so.
fn remember(world: &mut World, v6: bool) -> Result<()> {
    let frame = over(v6, from_peer(), &to_c1(0));
    let here = station(world.wires.p1, slot::P1);
    let elsewhere = station(world.wires.p2, slot::P2);
    for _ in 0..TRIES {
        world.learn(C1, here)?;
        world.learn(
            C3,
            if v6 {
                World::behind_peer_v6()
            } else {
                World::behind_peer()
            },
        )?;
        ensure!(received(world, &frame)? == 1, "a known station got nothing");
        world
            .tables()
            .put_unnoticed("fdb", &World::fdb_key(C1), &elsewhere)?;
        if received(world, &frame)? == 1 {
            return Ok(());
        }
    }
    anyhow::bail!("nothing was remembered")
}

#[test]
fn what_arrives_takes_the_way_of_the_last() -> Result<()> {
    let mut world = world()?;
    for v6 in [false, true] {
        remember(&mut world, v6)?;
        world.tables().renew()?;
        let frame = over(v6, from_peer(), &to_c1(0));
        ensure!(received(&mut world, &frame)? == 0, "the old way was taken");
    }
    Ok(())
}

#[test]
fn what_differs_is_looked_at() -> Result<()> {
    let mut world = world()?;
    let others = [
        (
            "another sender",
            Vxlan {
                src: v4("172.31.0.9"),
                ..from_peer()
            },
        ),
        (
            "another VNI",
            Vxlan {
                vni: VNI + 1,
                ..from_peer()
            },
        ),
        (
            "another MAC address",
            from_peer().macs(mac::PEER, mac::UPLINK),
        ),
        (
            "no I flag",
            Vxlan {
                flags: 0,
                ..from_peer()
            },
        ),
        (
            "a reserved flag",
            Vxlan {
                flags: 0x88,
                ..from_peer()
            },
        ),
        (
            "another port",
            Vxlan {
                dst_port: 4790,
                ..from_peer()
            },
        ),
    ];
    for (what, outer) in others {
        remember(&mut world, false)?;
        let got = received(&mut world, &outer.wrap(&to_c1(0)))?;
        ensure!(got == 0, "{what}: the remembered way was taken");
    }
    Ok(())
}

#[test]
fn congestion_is_never_passed_over() -> Result<()> {
    let mut world = world()?;
    let marked = Vxlan {
        tos: 3,
        ..from_peer()
    };
    let underlay = world.wires.underlay;
    for v6 in [false, true] {
        remember(&mut world, v6)?;
        world.tables().clear_drops()?;
        let frame = over(v6, marked, &to_c1(0));
        let ran = world.run(Hook::UplinkIngress, underlay, &frame)?;
        ensure!(ran.verdict == Verdict::Shot, "{:?}", ran.verdict);
        ensure!(world.drops()? == [(slot::PEER, DropReason::Ecn, 1)]);
        // One that can be told is the companion's, whose kernel marks it.
        remember(&mut world, v6)?;
        let frame = over(v6, marked, &to_c1(2));
        let ran = world.run(Hook::UplinkIngress, underlay, &frame)?;
        ensure!(ran.verdict == Verdict::Pass, "{:?}", ran.verdict);
    }
    Ok(())
}

#[test]
fn truncated_frames_take_no_remembered_way() -> Result<()> {
    let mut world = world()?;
    let whole = from_peer().wrap(&to_c1(0));
    for octets in (60..whole.len()).step_by(3) {
        remember(&mut world, false)?;
        let got = received(&mut world, &whole[..octets])?;
        ensure!(got == 0, "{octets} octets of {} went on", whole.len());
    }
    Ok(())
}

/// A frame to the station behind the peer.
fn to_c3(tos: u8, octets: usize) -> Vec<u8> {
    let ip = Ipv4 {
        tos,
        ..Ipv4::new("10.0.3.11", "10.0.3.13")
    };
    let packet = ip.udp(1000 + octets as u16, 2000, &vec![0x5a; octets]);
    ethernet(C3, C1, ether_type::IPV4, &packet)
}

#[test]
fn each_frame_to_a_peer_has_headers_of_its_own() -> Result<()> {
    let mut world = world()?;
    let p1 = world.wires.p1;
    for (tos, octets) in [(0, 20), (0xb8, 100), (0x02, 7), (0, 1000), (0x03, 20)] {
        let inner = to_c3(tos, octets);
        let ran = world.run(Hook::PortIngress, p1, &inner)?;
        let outer = Vxlan {
            src_port: u16::from_be_bytes([ran.frame[34], ran.frame[35]]),
            tos,
            ..Vxlan::new(v4("172.31.0.1"), v4("172.31.0.2"), VNI)
        };
        let expected = outer.macs(mac::UNDERLAY, mac::PEER).wrap(&inner);
        ensure!(ran.frame == expected, "{:02x?}\n{expected:02x?}", ran.frame);
        checksums(&ran.frame)?;
    }
    Ok(())
}

/// An answer to the station behind the peer, which the companion takes, between the same two stations.
#[test]
fn what_the_companion_takes_leaves_a_known_way_as_it_is() -> Result<()> {
    let mut world = world()?;
    let (p1, underlay) = (world.wires.p1, world.wires.underlay);
    world.run(Hook::PortIngress, p1, &to_c3(0, 20))?;
    let answer = arp_reply(C3, C1, v4("10.0.3.11"), v4("10.0.3.13"));
    let ran = world.run(Hook::PortIngress, p1, &answer)?;
    ensure!(ran.frame == answer, "it was encapsulated");
    let ways: Vec<Express> = world.tables().per_cpu("express")?;
    let ours: Vec<_> = ways.iter().filter(|way| way.ifindex == p1).collect();
    ensure!(ours.len() == 1, "{ours:?}");
    ensure!(ours[0].wrap.ifindex == underlay, "{ours:?}");
    Ok(())
}

#[test]
fn a_frame_that_does_not_fit_is_refused_on_a_known_way() -> Result<()> {
    let mut world = world()?;
    let p1 = world.wires.p1;
    for _ in 0..TRIES {
        world.run(Hook::PortIngress, p1, &to_c3(0, 20))?;
        world.tables().clear_drops()?;
        world.run(Hook::PortIngress, p1, &to_c3(0, 1423))?;
        ensure!(world.drops()? == [(slot::P1, DropReason::TooBig, 1)]);
    }
    Ok(())
}
