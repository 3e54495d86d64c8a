//! Networks that share a trunk: what comes in and goes out counts for the network of its VLAN.

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::BROADCAST,
    maps::{FdbEntry, FdbKey, Learned, Port, PortFlags},
    verdict::DropReason,
};
use tests::{
    packet::{Mac, ethernet},
    prog::{
        Expect, Hook, NETWORK, Verdict, World,
        mac::{C1, C2},
        run_all, slot,
    },
};

use super::{at_p1, carry, in_vlan, trunk};

/// A network that has VLAN 20 of the trunk.
const OTHER: u32 = NETWORK + 1;

fn tenants(world: &mut World) -> Result<()> {
    trunk(world)?;
    carry(world, 20, OTHER, 20)?;
    let network = world.network();
    world.tables().put("networks", &OTHER, &network)
}

/// Where a station of the other network is.
fn elsewhere(world: &mut World, mac: Mac) -> Result<Option<FdbEntry>> {
    let key = FdbKey {
        network: OTHER,
        vlan: 20,
        mac,
    };
    world.tables().get("fdb", &key)
}

/// Frames and octets that came from `p1`, by itself and in the other network.
fn received(world: &mut World) -> Result<[(u64, u64); 2]> {
    let mut of = |slot| {
        let counters = world.counters(slot)?;
        anyhow::Ok((counters.rx_packets, counters.rx_bytes))
    };
    Ok([of(slot::P1)?, of(slot::P1_ELSEWHERE)?])
}

#[test]
fn tenants_on_one_trunk() -> Result<()> {
    run_all(vec![
        at_p1(
            "a VLAN of the trunk belongs to another network, which does not know the station",
            in_vlan(C2, 20),
        )
        .given(tenants)
        .expect(
            Expect::drop(slot::P1_ELSEWHERE, DropReason::NoTarget)
                .then(|world, _| {
                    let entry = elsewhere(world, C1)?;
                    let slot = entry.map(|entry| entry.slot);
                    ensure!(slot == Some(slot::P1_ELSEWHERE), "learned as {entry:?}");
                    let learned: Learned = world.tables().element("learned", slot::P1_ELSEWHERE)?;
                    ensure!(learned.inserted > 0, "not counted where it was learned");
                    let octets = in_vlan(C2, 20).len() as u64;
                    ensure!(received(world)? == [(0, 0), (1, octets)]);
                    Ok(())
                })
                .sent([0, 0, 0, 0]),
        ),
        at_p1(
            "what is in a VLAN of the port's own network counts for that",
            in_vlan(C2, 10),
        )
        .given(tenants)
        .expect(Expect::verdict(Verdict::Redirect).then(|world, _| {
            let octets = in_vlan(C2, 10).len() as u64;
            ensure!(received(world)? == [(1, octets), (0, 0)]);
            Ok(())
        })),
        at_p1(
            "what is in no network's VLAN counts for the port by itself",
            in_vlan(C2, 30),
        )
        .given(tenants)
        .expect(Expect::drop(slot::P1, DropReason::Vlan).then(|world, _| {
            let octets = in_vlan(C2, 30).len() as u64;
            ensure!(received(world)? == [(1, octets), (0, 0)]);
            Ok(())
        })),
        at_p1("what is for the host counts for the port by itself", {
            let mut frame = in_vlan(C2, 20);
            frame[..6].copy_from_slice(&[1, 0x80, 0xc2, 0, 0, 0]);
            frame
        })
        .given(tenants)
        .expect(Expect::verdict(Verdict::Pass).then(|world, _| {
            let octets = in_vlan(C2, 20).len() as u64;
            ensure!(received(world)? == [(1, octets), (0, 0)]);
            Ok(())
        })),
    ])
}

#[test]
fn a_tenants_station_gets_its_frames_in_its_network() -> Result<()> {
    let mut world = World::new()?;
    tenants(&mut world)?;
    let p1 = world.wires.p1;
    world.run(Hook::PortIngress, p1, &in_vlan(C2, 20))?;
    let p2 = world.wires.p2;
    let access = Port {
        network: OTHER,
        vlan: 20,
        flags: PortFlags::VLAN.with(PortFlags::UNTAGGED),
        ..World::port(slot::P2)
    };
    world.tables().put("ports", &p2, &access)?;
    let ran = world.run(Hook::PortIngress, p2, &ethernet(C1, C2, 0x88b5, &[0; 46]))?;
    ensure!(ran.verdict == Verdict::Redirect, "{ran:?}");
    ensure!(world.counters(slot::P1)?.tx_packets == 0);
    ensure!(world.counters(slot::P1_ELSEWHERE)?.tx_packets == 1);
    Ok(())
}

#[test]
fn a_trunk_floods_at_one_rate_over_its_networks() -> Result<()> {
    let mut world = World::new()?;
    tenants(&mut world)?;
    world.set_p1(|port| {
        port.flags = port.flags.with(PortFlags::VLAN).with(PortFlags::STORM);
        port.storm_rate = 1;
    })?;
    let p1 = world.wires.p1;
    // One frame at once: the second one, in the other network's VLAN, comes too soon.
    for vlan in [10, 20] {
        world.run(Hook::PortIngress, p1, &in_vlan(BROADCAST, vlan))?;
    }
    let drops = world.drops()?;
    let storm = (slot::P1_ELSEWHERE, DropReason::StormControl, 1);
    ensure!(drops.contains(&storm), "{drops:?}");
    Ok(())
}
