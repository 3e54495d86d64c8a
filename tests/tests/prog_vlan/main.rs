//! VLANs on ports: which frames a port takes, and into which VLAN of which network they come.

mod tenants;

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::BROADCAST,
    maps::{FdbEntry, FdbKey, NetworkFlags, PortFlags, Vlan, VlanKey},
    verdict::DropReason,
};
use tests::{
    packet::{Ipv4, Mac, Vxlan, ether_type, ethernet, tagged},
    prog::{
        Expect, Fixture, Hook, NETWORK, VNI, Verdict, World,
        mac::{self, C1, C2, C3},
        run_all, slot, station,
    },
};

/// Priority 3 in a tag.
const PRIORITY: u16 = 0x6000;

fn plain(dst: Mac) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.12").udp(1000, 2000, b"in some VLAN");
    ethernet(dst, C1, ether_type::IPV4, &ip)
}

fn in_vlan(dst: Mac, tci: u16) -> Vec<u8> {
    tagged(&plain(dst), ether_type::C_TAG, tci)
}

fn at_p1(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame)
}

fn carry(world: &mut World, vid: u16, network: u32, tag: u16) -> Result<()> {
    let key = VlanKey {
        ifindex: world.wires.p1,
        vid,
        pad: 0,
    };
    let slot = if network == NETWORK {
        slot::P1
    } else {
        slot::P1_ELSEWHERE
    };
    let vlan = Vlan {
        network,
        slot,
        vlan: vid,
        tag,
    };
    world.tables().put("vlans", &key, &vlan)
}

/// `p1` is an access port of VLAN 10, and so is `p2`, where C2 is.
fn access(world: &mut World) -> Result<()> {
    world.set_network(|network| network.flags = network.flags.with(NetworkFlags::VLAN))?;
    world.set_p1(|port| {
        port.vlan = 10;
        port.flags = port.flags.with(PortFlags::VLAN).with(PortFlags::UNTAGGED);
    })?;
    carry(world, 10, NETWORK, 0)?;
    world.set_target(1, |target| target.vlan = 10)?;
    learn(world, 10, 0)
}

/// `p1` is a trunk of VLANs 10 and 20, whose stations' frames leave tagged.
fn trunk(world: &mut World) -> Result<()> {
    access(world)?;
    world.set_p1(|port| port.flags = port.flags.with(PortFlags::VLAN))?;
    carry(world, 10, NETWORK, 10)?;
    carry(world, 20, NETWORK, 20)
}

fn learn(world: &mut World, vlan: u16, tag: u16) -> Result<()> {
    let mut entry = station(world.wires.p2, slot::P2);
    entry.tag = tag;
    let key = FdbKey {
        vlan,
        ..World::fdb_key(C2)
    };
    world.tables().put("fdb", &key, &entry)
}

/// Where C1 was learned: VLAN and the tag that its frames leave with.
fn learned(world: &mut World, vlan: u16, tag: u16) -> Result<()> {
    let key = FdbKey {
        vlan,
        ..World::fdb_key(C1)
    };
    let entry: Option<FdbEntry> = world.tables().get("fdb", &key)?;
    ensure!(
        entry.is_some_and(|entry| entry.tag == tag),
        "in VLAN {vlan} it is {entry:?}"
    );
    Ok(())
}

#[test]
fn access_ports() -> Result<()> {
    run_all(vec![
        at_p1("untagged frames are of the port's VLAN", plain(C2))
            .given(access)
            .expect(
                Expect::verdict(Verdict::Redirect)
                    .frame(plain(C2))
                    .then(|world, _| learned(world, 10, 0)),
            ),
        at_p1("the port's own tag is taken off", in_vlan(C2, 10))
            .given(access)
            .expect(Expect::verdict(Verdict::Redirect).frame(plain(C2))),
        at_p1(
            "a tag of VLAN 0 is a priority and comes off",
            in_vlan(C2, 5 << 13),
        )
        .given(access)
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(plain(C2))
                .then(|world, _| learned(world, 10, 0)),
        ),
        at_p1("another VLAN's tag is refused", in_vlan(C2, 20))
            .given(access)
            .expect(Expect::drop(slot::P1, DropReason::Vlan)),
        at_p1("VLAN 4095 is refused", in_vlan(C2, 4095))
            .given(access)
            .expect(Expect::drop(slot::P1, DropReason::Vlan)),
        at_p1("a frame that ends within its tag is refused", {
            let mut frame = in_vlan(C2, 10);
            frame.truncate(14);
            frame.extend([0; 20]);
            frame[14] = 0xff;
            frame[15] = 0xff;
            frame
        })
        .given(access)
        .expect(Expect::drop(slot::P1, DropReason::Vlan)),
    ])
}

#[test]
fn trunks() -> Result<()> {
    run_all(vec![
        at_p1("a trunk's tag names the VLAN", in_vlan(C2, 10))
            .given(trunk)
            .expect(
                Expect::verdict(Verdict::Redirect)
                    .frame(plain(C2))
                    .then(|world, _| learned(world, 10, 10)),
            ),
        at_p1(
            "a station of one VLAN is unknown in another",
            in_vlan(C2, 20),
        )
        .given(|world| {
            trunk(world)?;
            world.set_network(|network| {
                network.flags = network
                    .flags
                    .with(NetworkFlags::VLAN)
                    .without(NetworkFlags::OVERLAY);
                network.flood_len = 3;
            })
        })
        .expect(Expect::drop(slot::P1, DropReason::NoTarget).sent([0, 0, 0, 0])),
        at_p1("untagged frames have no VLAN on a trunk", plain(C2))
            .given(trunk)
            .expect(Expect::drop(slot::P1, DropReason::Vlan)),
        at_p1("a VLAN that the trunk does not carry", in_vlan(C2, 30))
            .given(trunk)
            .expect(Expect::drop(slot::P1, DropReason::Vlan)),
        at_p1("a native VLAN takes what is untagged", plain(C2))
            .given(|world| {
                trunk(world)?;
                world.set_p1(|port| {
                    port.vlan = 10;
                    port.flags = port.flags.with(PortFlags::VLAN).with(PortFlags::UNTAGGED);
                })
            })
            .expect(
                Expect::verdict(Verdict::Redirect)
                    .frame(plain(C2))
                    .then(|world, _| learned(world, 10, 0)),
            ),
        at_p1("a native VLAN may keep its tag", plain(C2))
            .given(|world| {
                trunk(world)?;
                world.set_p1(|port| {
                    port.vlan = 10;
                    let tagged = PortFlags::VLAN.with(PortFlags::TAG_NATIVE);
                    port.flags = port.flags.with(tagged).with(PortFlags::UNTAGGED);
                })
            })
            .expect(Expect::verdict(Verdict::Redirect).then(|world, _| learned(world, 10, 10))),
    ])
}

/// The network's own VLAN is 10, in which C1 is known, and so is the first port where it `carries` that.
fn own_vlan(world: &mut World, carries: bool) -> Result<()> {
    world.set_network(|network| {
        network.vlan = 10;
        network.flags = network.flags.with(NetworkFlags::VLAN);
    })?;
    if carries {
        world.set_target(0, |target| target.vlan = 10)?;
    }
    let key = FdbKey {
        vlan: 10,
        ..World::fdb_key(C1)
    };
    let entry = station(world.wires.p1, slot::P1);
    world.tables().put("fdb", &key, &entry)
}

/// Whether C3, which is a peer's, was learned in VLAN 10.
fn has_learned(world: &mut World, wanted: bool) -> Result<()> {
    let key = FdbKey {
        vlan: 10,
        ..World::fdb_key(C3)
    };
    let entry: Option<netfwd_common::maps::FdbEntry> = world.tables().get("fdb", &key)?;
    ensure!(entry.is_some() == wanted, "{entry:?}");
    let counted = world.counters(slot::PEER)?.rx_packets;
    ensure!(counted == 1, "{counted} frames of the peer");
    Ok(())
}

#[test]
fn stations_of_peers_are_learned_where_ports_are() -> Result<()> {
    let ip = Ipv4::new("10.0.3.13", "10.0.3.11").udp(1000, 2000, b"from c3 to c1");
    let inner = ethernet(C1, C3, ether_type::IPV4, &ip);
    let (peer, vtep) = ([172, 31, 0, 2].into(), [172, 31, 0, 1].into());
    let frame = Vxlan::new(peer, vtep, VNI)
        .macs(mac::PEER, mac::UNDERLAY)
        .wrap(&inner);
    let at_uplink = |shows| {
        let underlay = |world: &World| world.wires.underlay;
        Fixture::new(shows, Hook::UplinkIngress, underlay, frame.clone())
    };
    run_all(vec![
        at_uplink("a port has the VLAN")
            .given(|world| own_vlan(world, true))
            .expect(Expect::verdict(Verdict::Redirect).then(|world, _| has_learned(world, true))),
        at_uplink("no port has it")
            .given(|world| own_vlan(world, false))
            .expect(Expect::verdict(Verdict::Redirect).then(|world, _| has_learned(world, false))),
    ])
}

#[test]
fn tags_that_are_payload() -> Result<()> {
    let double = tagged(&in_vlan(C2, 10), ether_type::S_TAG, 100);
    run_all(vec![
        at_p1(
            "without VLANs a tag passes unharmed",
            in_vlan(C2, PRIORITY | 0x00a),
        )
        .given(|world| world.learn(C2, station(world.wires.p2, slot::P2)))
        .expect(Expect::verdict(Verdict::Redirect).frame(in_vlan(C2, PRIORITY | 0x00a))),
        at_p1("an 802.1ad tag passes an access port", double.clone())
            .given(access)
            .expect(Expect::verdict(Verdict::Redirect).frame(double.clone())),
        at_p1("an 802.1ad tag is no VLAN of a trunk's", double)
            .given(trunk)
            .expect(Expect::drop(slot::P1, DropReason::Vlan)),
    ])
}

#[test]
fn flooding_stays_in_its_vlan() -> Result<()> {
    run_all(vec![
        at_p1("a broadcast reaches its VLAN alone", plain(BROADCAST))
            .given(access)
            .expect(Expect::verdict(Verdict::Shot).sent([0, 1, 0, 0])),
        at_p1(
            "a peer that takes every VLAN takes it too, tagged",
            plain(BROADCAST),
        )
        .given(|world| {
            access(world)?;
            world.set_target(3, |target| {
                target.flags = target.flags.with(PortFlags::VLAN);
            })
        })
        .expect(
            Expect::verdict(Verdict::Shot)
                .frame(plain(BROADCAST))
                .sent([0, 1, 0, 1]),
        ),
    ])
}
