//! What a port may not have too much of: stations, flooded frames, moves, bridges behind it.

use anyhow::{Result, ensure};
use netfwd_common::{
    limits::{FLAP_HOLD_NS, FLAP_MOVES},
    maps::{FdbFlags, Learned, Port, PortFlags, PortState},
    verdict::DropReason,
};
use tests::{
    packet::{BROADCAST, Ipv4, Mac, ether_type, ethernet},
    prog::{
        Expect, Fixture, Hook, Verdict, World,
        mac::{C1, C2},
        run_all, slot, station,
    },
};

const BRIDGES: Mac = [0x01, 0x80, 0xc2, 0, 0, 0];

fn frame(dst: Mac, src: Mac) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.12").udp(1000, 2000, b"counted");
    ethernet(dst, src, ether_type::IPV4, &ip)
}

fn source(last: u8) -> Mac {
    [2, 0, 0, 0, 9, last]
}

fn learned(world: &mut World, slot: u32) -> Result<Learned> {
    world.tables().element::<Learned>("learned", slot)
}

/// Sends a frame from `p1` or `p2`; says what became of it.
fn send(world: &mut World, from_p2: bool, frame: &[u8]) -> Result<Verdict> {
    let port = if from_p2 {
        world.wires.p2
    } else {
        world.wires.p1
    };
    Ok(world.run(Hook::PortIngress, port, frame)?.verdict)
}

#[test]
fn a_port_learns_no_more_stations_than_it_may() -> Result<()> {
    let mut world = World::new()?;
    world.set_p1(|port| port.max_learned = 3)?;
    world.learn(C2, station(world.wires.p2, slot::P2))?;
    for last in 1..=5 {
        let verdict = send(&mut world, false, &frame(C2, source(last)))?;
        ensure!(
            verdict == Verdict::Redirect,
            "station {last}: its frames flow"
        );
        let known = world.fdb(source(last))?.is_some();
        ensure!(known == (last <= 3), "station {last}");
    }
    let counts = learned(&mut world, slot::P1)?;
    ensure!((counts.inserted, counts.refused) == (3, 2), "{counts:?}");
    ensure!(learned(&mut world, slot::NETWORK)?.inserted == 3);
    // What the loader removes makes room.
    world.tables().set_element("removed", slot::P1, 1u64)?;
    send(&mut world, false, &frame(C2, source(6)))?;
    ensure!(world.fdb(source(6))?.is_some(), "there is room for one");
    Ok(())
}

#[test]
fn a_network_learns_no_more_stations_than_it_may() -> Result<()> {
    let mut world = World::new()?;
    world.set_network(|network| network.max_learned = 2)?;
    for (from_p2, last) in [(false, 1), (true, 2), (false, 3), (true, 4)] {
        send(&mut world, from_p2, &frame(BROADCAST, source(last)))?;
        ensure!(
            world.fdb(source(last))?.is_some() == (last <= 2),
            "station {last}"
        );
    }
    Ok(())
}

#[test]
fn a_move_is_counted_where_it_goes() -> Result<()> {
    let mut world = World::new()?;
    send(&mut world, false, &frame(BROADCAST, source(1)))?;
    send(&mut world, true, &frame(BROADCAST, source(1)))?;
    ensure!(learned(&mut world, slot::P1)?.inserted == 0, "it left");
    ensure!(learned(&mut world, slot::P2)?.inserted == 1, "it came");
    ensure!(
        learned(&mut world, slot::NETWORK)?.inserted == 1,
        "it is in the network"
    );
    // At a port that is full it is nowhere: flooded rather than sent to where it is not.
    world.set_p1(|port| port.max_learned = 1)?;
    send(&mut world, false, &frame(BROADCAST, source(2)))?;
    send(&mut world, false, &frame(BROADCAST, source(1)))?;
    ensure!(world.fdb(source(1))?.is_none(), "it is still where it was");
    ensure!(learned(&mut world, slot::P2)?.inserted == 0, "it left");
    Ok(())
}

#[test]
fn a_flapping_station_is_held() -> Result<()> {
    let mut world = World::new()?;
    world.learn(C2, station(world.wires.p2, slot::P2))?;
    let to_c2 = frame(C2, C1);
    send(&mut world, false, &to_c2)?;
    for round in 1..FLAP_MOVES {
        send(&mut world, round % 2 == 1, &frame(BROADCAST, C1))?;
    }
    let held = world.fdb(C1)?.expect("it is known");
    ensure!(
        held.ifindex == world.wires.p1,
        "it moved {FLAP_MOVES} times, less one"
    );
    for _ in 0..3 {
        send(&mut world, true, &frame(BROADCAST, C1))?;
    }
    ensure!(world.fdb(C1)?.expect("it is known").ifindex == world.wires.p1);
    ensure!(
        send(&mut world, false, &to_c2)? == Verdict::Redirect,
        "where it is it may send"
    );
    let drops = world.drops()?;
    ensure!(drops == [(slot::P2, DropReason::Flapping, 3)], "{drops:?}");
    let mut entry = world.fdb(C1)?.expect("it is known");
    entry.moved_ns -= FLAP_HOLD_NS;
    world.learn(C1, entry)?;
    send(&mut world, true, &frame(BROADCAST, C1))?;
    ensure!(
        world.fdb(C1)?.expect("it is known").ifindex == world.wires.p2,
        "the hold ended"
    );
    Ok(())
}

#[test]
fn what_stays_does_not_flap() -> Result<()> {
    for flags in [FdbFlags::STATIC, FdbFlags::STICKY] {
        let mut world = World::new()?;
        let mut entry = station(world.wires.p1, slot::P1);
        entry.flags = flags;
        world.learn(C1, entry)?;
        for _ in 0..10 {
            send(&mut world, true, &frame(BROADCAST, C1))?;
        }
        ensure!(world.fdb(C1)?.expect("it stays").ifindex == world.wires.p1);
        ensure!(world.drops()?.is_empty(), "frames flow");
    }
    Ok(())
}

#[test]
fn a_storm_is_cut() -> Result<()> {
    const RATE: u32 = 50;
    let mut world = World::new()?;
    world.set_p1(|port| {
        port.flags = port.flags.with(PortFlags::STORM);
        port.storm_rate = RATE;
    })?;
    let before = std::time::Instant::now();
    for _ in 0..100 {
        send(&mut world, false, &frame(BROADCAST, C1))?;
    }
    let flooded = world.sent()?[1];
    // A tenth of a second's frames at once, one more, and what fell due meanwhile.
    let most = 7 + (before.elapsed().as_secs_f64() * f64::from(RATE)).ceil() as u64;
    ensure!(
        (5..=most).contains(&flooded),
        "{flooded} of 100, at most {most}"
    );
    let drops = world.drops()?;
    ensure!(
        drops == [(slot::P1, DropReason::StormControl, 100 - flooded)],
        "{drops:?}"
    );
    world.learn(C2, station(world.wires.p2, slot::P2))?;
    ensure!(
        send(&mut world, false, &frame(C2, C1))? == Verdict::Redirect,
        "unicast is no storm"
    );
    Ok(())
}

fn port(world: &mut World) -> Result<Port> {
    let ifindex = world.wires.p1;
    Ok(world
        .tables()
        .get("ports", &ifindex)?
        .expect("it is a port"))
}

#[test]
fn a_bpdu_shuts_an_edge_port() -> Result<()> {
    let mut world = World::new()?;
    world.learn(C2, station(world.wires.p2, slot::P2))?;
    let bpdu = ethernet(
        BRIDGES,
        C1,
        39,
        &[
            0x42, 0x42, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
    );
    ensure!(
        send(&mut world, false, &bpdu)? == Verdict::Pass,
        "the host sees it"
    );
    ensure!(
        port(&mut world)?.state == PortState::Forwarding as u8,
        "it is no edge port"
    );
    world.flag_p1(PortFlags::EDGE)?;
    ensure!(
        send(&mut world, false, &bpdu)? == Verdict::Pass,
        "the host sees it"
    );
    ensure!(port(&mut world)?.state == PortState::ShutByBpdu as u8);
    ensure!(
        send(&mut world, false, &frame(C2, C1))? == Verdict::Shot,
        "it is shut"
    );
    let drops = world.drops()?;
    ensure!(drops == [(slot::P1, DropReason::PortShut, 1)], "{drops:?}");
    Ok(())
}

#[test]
fn a_reflective_relay() -> Result<()> {
    let hairpin = |world: &mut World| {
        world.learn(C2, station(world.wires.p1, slot::P1))?;
        world.flag_p1(PortFlags::HAIRPIN)
    };
    let at_p1 =
        |shows, frame| Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame);
    run_all(vec![
        at_p1("a frame goes back to its port", frame(C2, C1))
            .given(hairpin)
            .expect(Expect::verdict(Verdict::Redirect).frame(frame(C2, C1))),
        at_p1("a broadcast does too", frame(BROADCAST, C1))
            .given(hairpin)
            .expect(Expect::verdict(Verdict::Shot).sent([1, 1, 1, 1])),
    ])
}
