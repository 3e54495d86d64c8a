//! What `port_ingress` remembers of a known station's way to a known one, and what makes it forget.

use anyhow::{Result, ensure};
use netfwd_common::{
    limits::{PLACES_MAX, PLACES_MIN},
    maps::{Epoch, Express, FdbEntry, FdbFlags, Port, PortFlags},
    verdict::DropReason,
};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use tests::{
    packet::{Ipv4, Ipv6, ether_type, ethernet},
    prog::{
        Hook, Sizes, Verdict, World,
        mac::{self, C1, C2},
        slot, station,
    },
};

/// How often a way is looked at: it lasts 100 jiffies, and the machine may be busy.
const TRIES: u32 = 50;

fn frame() -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.12").udp(1000, 2000, b"from c1 to c2");
    ethernet(C2, C1, ether_type::IPV4, &ip)
}

fn world() -> Result<World> {
    of(Sizes::default())
}

/// A world whose stations know each other, on one CPU: each has a memory of its own.
fn of(sizes: Sizes) -> Result<World> {
    let mut first = CpuSet::new();
    first.set(0)?;
    sched_setaffinity(Pid::from_raw(0), &first)?;
    let mut world = World::of(sizes)?;
    let (p1, p2) = (world.wires.p1, world.wires.p2);
    world.learn(C1, station(p1, slot::P1))?;
    world.learn(C2, station(p2, slot::P2))?;
    Ok(world)
}

/// Frames that went to the owner of a slot when one came in at `p1`.
fn sent(world: &mut World, slot: u32) -> Result<u64> {
    let before = world.counters(slot)?.tx_packets;
    let ifindex = world.wires.p1;
    world.run(Hook::PortIngress, ifindex, &frame())?;
    Ok(world.counters(slot)?.tx_packets - before)
}

/// The destination stands somewhere else, and nobody said so.
fn move_unnoticed(world: &mut World, entry: FdbEntry) -> Result<()> {
    let key = World::fdb_key(C2);
    world.tables().put_unnoticed("fdb", &key, &entry)
}

/// Whether a second frame went where the first one did, although the FDB said otherwise meanwhile.
fn is_remembered(world: &mut World, target: FdbEntry) -> Result<bool> {
    for _ in 0..TRIES {
        world.learn(C2, target)?;
        ensure!(sent(world, slot::P2)? == 1, "a known station got nothing");
        move_unnoticed(world, World::behind_peer())?;
        if sent(world, slot::P2)? == 1 {
            return Ok(true);
        }
    }
    Ok(false)
}

#[test]
fn a_known_way_is_taken_without_a_look_and_counted() -> Result<()> {
    let mut world = world()?;
    let target = station(world.wires.p2, slot::P2);
    ensure!(is_remembered(&mut world, target)?, "nothing was remembered");
    let from = world.counters(slot::P1)?;
    sent(&mut world, slot::P2)?;
    let octets = world.counters(slot::P1)?.rx_bytes - from.rx_bytes;
    ensure!(octets == frame().len() as u64, "{octets} octets counted");
    Ok(())
}

#[test]
fn every_change_voids_it() -> Result<()> {
    let mut world = world()?;
    let target = station(world.wires.p2, slot::P2);
    ensure!(is_remembered(&mut world, target)?, "nothing was remembered");
    world.tables().renew()?;
    ensure!(sent(&mut world, slot::P2)? == 0, "the old way was taken");
    world.learn(C2, target)?;
    ensure!(sent(&mut world, slot::P2)? == 1, "the new way was not");
    Ok(())
}

#[test]
fn a_station_that_moves_takes_its_way_along() -> Result<()> {
    let mut world = world()?;
    let target = station(world.wires.p2, slot::P2);
    ensure!(is_remembered(&mut world, target)?, "nothing was remembered");
    let before: Epoch = world.tables().element("epoch", 0)?;
    // C1 is heard at p2: what p1 remembers of its frames is void.
    let packet = Ipv6::new("fd00:3::11", "fd00:3::1").udp(1000, 53, b"query");
    let from_p2 = ethernet(mac::GATEWAY, C1, ether_type::IPV6, &packet);
    let p2 = world.wires.p2;
    world.run(Hook::PortIngress, p2, &from_p2)?;
    let after: Epoch = world.tables().element("epoch", 0)?;
    ensure!(
        after.programs == before.programs + 1,
        "{before:?} {after:?}"
    );
    ensure!(sent(&mut world, slot::P2)? == 0, "the old way was taken");
    Ok(())
}

#[test]
fn a_destination_about_to_age_is_not_remembered() -> Result<()> {
    let mut world = world()?;
    let mut target = station(world.wires.p2, slot::P2);
    target.last_seen_ns -= 299_500_000_000;
    ensure!(!is_remembered(&mut world, target)?, "it was remembered");
    target.flags = FdbFlags::STATIC;
    ensure!(
        is_remembered(&mut world, target)?,
        "static entries never age"
    );
    Ok(())
}

#[test]
fn a_source_that_is_not_at_home_is_not_remembered() -> Result<()> {
    let mut world = world()?;
    let target = station(world.wires.p2, slot::P2);
    let mut elsewhere = station(world.wires.p2, slot::P2);
    elsewhere.flags = FdbFlags::STATIC;
    world.learn(C1, elsewhere)?;
    ensure!(!is_remembered(&mut world, target)?, "it was remembered");
    Ok(())
}

#[test]
fn a_tag_is_never_left_out() -> Result<()> {
    let mut world = world()?;
    let mut target = station(world.wires.p2, slot::P2);
    target.tag = 10;
    ensure!(!is_remembered(&mut world, target)?, "it was remembered");
    Ok(())
}

#[test]
fn a_port_that_is_shut_or_isolated_sends_no_more() -> Result<()> {
    let mut world = world()?;
    let mut target = station(world.wires.p2, slot::P2);
    ensure!(is_remembered(&mut world, target)?, "nothing was remembered");
    target.flags = FdbFlags::ISOLATED;
    world.learn(C2, target)?;
    let mut port: Port = World::port(slot::P1);
    port.flags = port.flags.with(PortFlags::ISOLATED);
    let p1 = world.wires.p1;
    world.tables().put("ports", &p1, &port)?;
    world.tables().clear_drops()?;
    let ran = world.run(Hook::PortIngress, p1, &frame())?;
    ensure!(ran.verdict == Verdict::Shot, "{:?}", ran.verdict);
    ensure!(world.drops()? == [(slot::P1, DropReason::Isolated, 1)]);
    Ok(())
}

/// Frames from c1 to stations of their own.
fn to_others() -> Vec<Vec<u8>> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.12").udp(1000, 2000, b"from c1 to others");
    let to = |number| ethernet(other(number), C1, ether_type::IPV4, &ip);
    (0..OTHERS).map(to).collect()
}

fn other(number: u8) -> [u8; 6] {
    [0x02, 0x42, 0, 0, 1, number]
}

/// Stations besides c1 and c2, of which many have a place in common where there are few.
const OTHERS: u8 = 64;

/// Has others learned, and sends a frame to each.
fn send_to_others(world: &mut World) -> Result<()> {
    let (p1, p2) = (world.wires.p1, world.wires.p2);
    for number in 0..OTHERS {
        let key = World::fdb_key(other(number));
        let entry = station(p2, slot::P2);
        world.tables().put_unnoticed("fdb", &key, &entry)?;
    }
    world.inside(|inside| {
        let mut frames = to_others().into_iter();
        frames.try_for_each(|frame| inside.run(Hook::PortIngress, p1, &frame).map(drop))
    })
}

#[test]
fn ways_are_remembered_in_memories_of_every_size() -> Result<()> {
    for places in [2, PLACES_MIN, PLACES_MAX] {
        let mut world = of(Sizes::places(places))?;
        let target = station(world.wires.p2, slot::P2);
        ensure!(
            is_remembered(&mut world, target)?,
            "not among {places} places"
        );
        send_to_others(&mut world)?;
        let used = used(&mut world)?;
        ensure!(used.len() <= places as usize, "{places}: {used:?}");
        ensure!(places == 2 || used.len() > 50, "{places}: {used:?}");
        let last = used.last().is_some_and(|place| *place >= places / 2);
        ensure!(last, "the upper half of {places} is unused: {used:?}");
    }
    Ok(())
}

/// The places at which ways are remembered.
fn used(world: &mut World) -> Result<Vec<u32>> {
    let elements = world.tables().per_cpu::<Express>("express")?;
    let cpus = aya::util::nr_cpus().map_err(|(what, error)| anyhow::anyhow!("{what}: {error}"))?;
    let first_cpu = elements.iter().step_by(cpus).zip(0..);
    let used = first_cpu.filter(|(way, _)| way.ifindex != 0);
    Ok(used.map(|(_, place)| place).collect())
}

#[test]
fn a_place_that_a_memory_does_not_have_is_no_way() -> Result<()> {
    let mut world = of(Sizes {
        told: PLACES_MAX,
        ..Sizes::places(1)
    })?;
    let target = station(world.wires.p2, slot::P2);
    for _ in 0..5 {
        ensure!(
            sent(&mut world, slot::P2)? == 1,
            "a known station got nothing"
        );
    }
    ensure!(!is_remembered(&mut world, target)?, "it was remembered");
    Ok(())
}

#[test]
fn a_way_that_stands_is_not_given_up_for_another() -> Result<()> {
    let mut world = of(Sizes::places(2))?;
    let target = station(world.wires.p2, slot::P2);
    for _ in 0..TRIES {
        world.learn(C2, target)?;
        ensure!(
            sent(&mut world, slot::P2)? == 1,
            "a known station got nothing"
        );
        send_to_others(&mut world)?;
        move_unnoticed(&mut world, World::behind_peer())?;
        if sent(&mut world, slot::P2)? == 1 {
            return Ok(());
        }
    }
    anyhow::bail!("others took its place")
}
