//! Which frames take a remembered way at ports whose frames are looked into: what a guard or a network's listeners would
//! do with a frame is done, whatever was remembered of the ones before.

use anyhow::{Context as _, Result, ensure};
use netfwd_common::{
    addr::from_v4,
    maps::{
        BindingKind, Express, FdbKey, Neighbour, NeighbourKey, NetworkFlags, PortFlags, Terms,
        Vlan, VlanKey,
    },
    verdict::DropReason,
};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use tests::{
    packet::{Ipv4, Ipv6, Mac, ether_type, ethernet, tagged, v4, v6},
    prog::{
        Hook, NETWORK, Verdict, World, always,
        mac::{C1, C2},
        mutated, slot, station,
    },
};

const CASES: u32 = 400;
const ADDRESS: &str = "10.0.3.11";
const OTHER: &str = "10.0.3.12";
const VLAN: u16 = 10;
/// The kernel takes no IPv6 frame into a test run that ends within the header.
const IPV6_SHORTEST: usize = 14 + 40;

/// What `p1` and its network are set to.
#[derive(Clone, Copy)]
struct Setting {
    port: PortFlags,
    network: NetworkFlags,
    vlan: u16,
}

const OPEN: Setting = Setting {
    port: PortFlags { bits: 0 },
    network: NetworkFlags { bits: 0 },
    vlan: 0,
};
const GUARDED: Setting = Setting {
    port: PortFlags::ANTI_SPOOF,
    ..OPEN
};
const SUPPRESSED: Setting = Setting {
    port: PortFlags::SUPPRESSION,
    network: NetworkFlags::SUPPRESSION,
    ..OPEN
};
const ACCESS: Setting = Setting {
    port: PortFlags::VLAN.with(PortFlags::UNTAGGED),
    network: NetworkFlags::VLAN,
    vlan: VLAN,
};
const ALL: Setting = Setting {
    port: ACCESS.port.with(GUARDED.port).with(SUPPRESSED.port),
    network: ACCESS.network.with(SUPPRESSED.network),
    vlan: VLAN,
};
const LOOKED_INTO: [Setting; 4] = [GUARDED, SUPPRESSED, ACCESS, ALL];

impl Setting {
    /// A world of one CPU in which C1, at `p1`, and C2, at `p2`, are known.
    fn world(self) -> Result<World> {
        let mut first = CpuSet::new();
        first.set(0)?;
        sched_setaffinity(Pid::from_raw(0), &first)?;
        let mut world = World::new()?;
        self.set(&mut world)?;
        let (p1, p2) = (world.wires.p1, world.wires.p2);
        for (mac, entry) in [(C1, station(p1, slot::P1)), (C2, station(p2, slot::P2))] {
            world.tables().put("fdb", &self.key(mac), &entry)?;
        }
        Ok(world)
    }

    fn key(self, mac: Mac) -> FdbKey {
        FdbKey {
            vlan: self.vlan,
            ..World::fdb_key(mac)
        }
    }

    fn set(self, world: &mut World) -> Result<()> {
        world.set_network(|network| {
            network.flags = network.flags.with(self.network);
            network.vlan = self.vlan;
        })?;
        world.set_p1(|port| {
            port.flags = port.flags.with(self.port);
            port.vlan = self.vlan;
        })?;
        for target in 0..3 {
            world.set_target(target, |target| target.vlan = self.vlan)?;
        }
        let key = VlanKey {
            ifindex: world.wires.p1,
            vid: VLAN,
            pad: 0,
        };
        let vlan = Vlan {
            network: NETWORK,
            slot: slot::P1,
            vlan: VLAN,
            tag: 0,
        };
        world.tables().put("vlans", &key, &vlan)?;
        world.bind(BindingKind::Mac, &C1)?;
        world.bind(BindingKind::Ipv4, &from_v4(v4(ADDRESS).octets()).octets)?;
        world.bind(BindingKind::Ipv6, &v6("fd00:3::11").octets())
    }
}

fn udp(src: &str, from: u16) -> Vec<u8> {
    let ip = Ipv4::new(src, OTHER).udp(from, 2000, b"from c1 to c2");
    ethernet(C2, C1, ether_type::IPV4, &ip)
}

fn known() -> Vec<u8> {
    udp(ADDRESS, 1000)
}

/// An ARP packet to C2 alone: as `arp_request`, sent to one station.
fn arp(sender: &str) -> Vec<u8> {
    let mut frame = tests::packet::arp_request(C1, v4(sender), v4(OTHER));
    frame[..6].copy_from_slice(&C2);
    frame
}

/// What the memory holds of frames from `p1`.
fn remembered(world: &mut World) -> Result<Option<Express>> {
    let p1 = world.wires.p1;
    let all = world.tables().per_cpu::<Express>("express")?;
    Ok(all.into_iter().find(|way| way.ifindex == p1))
}

/// Has the way of the known frame remembered, and says on which terms.
fn terms(world: &mut World) -> Result<Terms> {
    let p1 = world.wires.p1;
    world.tables().renew()?;
    world.run(Hook::PortIngress, p1, &known())?;
    Ok(remembered(world)?.context("nothing was remembered")?.terms)
}

/// What a frame is dropped for at `p1`, behind known ones.
fn refused(world: &mut World, frame: &[u8]) -> Result<DropReason> {
    let p1 = world.wires.p1;
    terms(world)?;
    world.run(Hook::PortIngress, p1, &known())?;
    world.tables().clear_drops()?;
    let ran = world.run(Hook::PortIngress, p1, frame)?;
    ensure!(ran.verdict == Verdict::Shot, "{:?}", ran.verdict);
    let drops = world.drops()?;
    let [(slot::P1, reason, 1)] = drops[..] else {
        anyhow::bail!("{drops:?}");
    };
    Ok(reason)
}

#[test]
fn ways_are_remembered_on_the_terms_of_their_port() -> Result<()> {
    let bound = Terms::USUAL.with(Terms::BOUND);
    for (setting, expected) in [
        (OPEN, Terms::default()),
        (GUARDED, bound),
        (SUPPRESSED, Terms::USUAL),
        (ACCESS, Terms::UNTAGGED),
        (ALL, bound),
    ] {
        let found = terms(&mut setting.world()?)?;
        ensure!(found == expected, "{found:?} for {expected:?}");
    }
    Ok(())
}

#[test]
fn frames_that_keep_the_terms_take_the_way() -> Result<()> {
    for setting in LOOKED_INTO {
        let mut world = setting.world()?;
        let p1 = world.wires.p1;
        terms(&mut world)?;
        let before = world.counters(slot::P2)?.tx_packets;
        // The FDB says otherwise meanwhile, and nobody heard of it.
        let elsewhere = World::behind_peer();
        world
            .tables()
            .put_unnoticed("fdb", &setting.key(C2), &elsewhere)?;
        let ran = world.run(Hook::PortIngress, p1, &udp(ADDRESS, 1001))?;
        let sent = world.counters(slot::P2)?.tx_packets - before;
        ensure!(
            ran.verdict == Verdict::Redirect && sent == 1,
            "{:?}, {sent} sent",
            ran.verdict
        );
    }
    Ok(())
}

#[test]
fn a_guarded_ports_frames_have_its_source_all_the_same() -> Result<()> {
    for setting in [GUARDED, ALL] {
        let mut world = setting.world()?;
        for (frame, reason) in [
            (udp("10.0.3.13", 1000), DropReason::SpoofedIp),
            (udp(ADDRESS, 67), DropReason::Server),
            (arp("10.0.3.13"), DropReason::SpoofedArp),
        ] {
            let found = refused(&mut world, &frame)?;
            ensure!(found == reason, "{found:?} for {reason:?}");
        }
        let ip = Ipv6::new("fd00:3::66", "fd00:3::12").udp(1, 2, b"another's");
        let spoofed = ethernet(C2, C1, ether_type::IPV6, &ip);
        let found = refused(&mut world, &spoofed)?;
        ensure!(found == DropReason::SpoofedIp, "{found:?}");
    }
    Ok(())
}

/// From no address at all a station may ask for one by DHCP, and no more.
#[test]
fn what_asks_for_an_address_is_not_remembered() -> Result<()> {
    for setting in [GUARDED, ALL] {
        let mut world = setting.world()?;
        let p1 = world.wires.p1;
        let nobodys = |from, to| {
            let ip = Ipv4::new("0.0.0.0", OTHER).udp(from, to, b"who am I");
            ethernet(C2, C1, ether_type::IPV4, &ip)
        };
        for _ in 0..3 {
            let ran = world.run(Hook::PortIngress, p1, &nobodys(68, 67))?;
            ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
        }
        let ran = world.run(Hook::PortIngress, p1, &nobodys(1000, 2000))?;
        ensure!(ran.verdict == Verdict::Shot, "{:?}", ran.verdict);
    }
    Ok(())
}

#[test]
fn a_binding_that_is_gone_is_not_remembered() -> Result<()> {
    let mut world = GUARDED.world()?;
    terms(&mut world)?;
    world.unbind(BindingKind::Ipv4, &from_v4(v4(ADDRESS).octets()).octets)?;
    world.tables().renew()?;
    let p1 = world.wires.p1;
    let ran = world.run(Hook::PortIngress, p1, &known())?;
    ensure!(ran.verdict == Verdict::Shot, "{:?}", ran.verdict);
    Ok(())
}

#[test]
fn an_access_port_takes_no_tag_all_the_same() -> Result<()> {
    for setting in [ACCESS, ALL] {
        let mut world = setting.world()?;
        let frame = tagged(&known(), ether_type::C_TAG, 20);
        let found = refused(&mut world, &frame)?;
        ensure!(found == DropReason::Vlan, "{found:?}");
    }
    Ok(())
}

#[test]
fn a_listened_to_ports_answers_are_heard_all_the_same() -> Result<()> {
    for setting in [SUPPRESSED, ALL] {
        let mut world = setting.world()?;
        let p1 = world.wires.p1;
        terms(&mut world)?;
        world.run(Hook::PortIngress, p1, &arp(ADDRESS))?;
        let key = NeighbourKey {
            network: NETWORK,
            vlan: setting.vlan,
            pad: 0,
            ip: from_v4(v4(ADDRESS).octets()),
        };
        let heard: Option<Neighbour> = world.tables().get("neighbours", &key)?;
        ensure!(heard.is_some_and(|who| who.mac == C1), "{heard:?}");
    }
    Ok(())
}

/// Frames between the two stations that differ in what is looked into.
fn frames() -> Vec<Vec<u8>> {
    const ROUTER: Mac = C2;
    let v6 = Ipv6::new("fd00:3::11", "fd00:3::12");
    let fragment = {
        let mut frame = known();
        frame[20] = 0x20;
        frame
    };
    vec![
        known(),
        udp("10.0.3.13", 1000),
        udp(ADDRESS, 67),
        udp(ADDRESS, 68),
        arp(ADDRESS),
        fragment,
        tagged(&known(), ether_type::C_TAG, VLAN),
        tagged(&known(), ether_type::C_TAG, 0),
        tagged(&known(), ether_type::S_TAG, VLAN),
        ethernet(C2, C1, ether_type::IPV6, &v6.udp(1, 2, b"ipv6")),
        ethernet(
            C2,
            C1,
            ether_type::IPV6,
            &v6.advertisement(0x20, "fd00:3::11", C1),
        ),
        ethernet(ROUTER, C1, ether_type::IPV6, &v6.icmp(134, &[0; 12])),
    ]
}

/// Runs a frame behind a remembered one, and by itself.
fn alike(world: &mut World, frame: &[u8]) -> Result<()> {
    if frame[12..14] == [0x86, 0xdd] && frame.len() < IPV6_SHORTEST {
        return Ok(());
    }
    let p1 = world.wires.p1;
    // What it teaches is known in both.
    world.run(Hook::PortIngress, p1, frame)?;
    terms(world)?;
    world.tables().clear_drops()?;
    let short = world.run(Hook::PortIngress, p1, frame)?;
    let drops = world.drops()?;
    world.tables().renew()?;
    world.tables().clear_drops()?;
    let long = world.run(Hook::PortIngress, p1, frame)?;
    let others = world.drops()?;
    ensure!(
        short.verdict == long.verdict && short.frame == long.frame && drops == others,
        "short {:?} {drops:?}, long {:?} {others:?}",
        short.verdict,
        long.verdict
    );
    Ok(())
}

#[test]
fn any_frame_meets_what_it_would_without_a_memory() -> Result<()> {
    for setting in LOOKED_INTO {
        always(
            setting.world()?,
            CASES,
            &mutated(frames()),
            |world, frame| alike(world, &frame),
        )?;
    }
    Ok(())
}
