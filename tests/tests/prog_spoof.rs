//! Any frame at all from a guarded port of a network with everything on: what is forwarded is what an
//! independent reading of the frame finds honest.

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::from_v4,
    maps::{BindingKind, NetworkFlags, PortFlags, Vlan, VlanKey},
};
use tests::{
    packet::{BROADCAST, Ipv4, Ipv6, Mac, arp_request, ether_type, ethernet, tagged, v4, v6},
    prog::{
        Hook, NETWORK, Verdict, World, always,
        mac::{C1, C2},
        mutated, slot, station,
    },
};

const CASES: u32 = 1500;
const ADDRESS: &str = "10.0.3.11";
const LINK_LOCAL: &str = "fe80::1";
const ACCESS: u16 = 10;
const IPV6_SHORTEST: usize = 14 + 40;

/// `p1` is a guarded access port of VLAN 10 in a network that snoops and suppresses; C2 is at `p2`.
fn guarded() -> Result<World> {
    let mut world = World::new()?;
    world.set_network(|network| {
        let on = NetworkFlags::VLAN.with(NetworkFlags::SNOOPING);
        network.flags = network.flags.with(on).with(NetworkFlags::SUPPRESSION);
        network.vlan = ACCESS;
    })?;
    world.set_p1(|port| {
        let on = PortFlags::VLAN.with(PortFlags::UNTAGGED);
        port.flags = port.flags.with(on).with(PortFlags::ANTI_SPOOF);
        port.vlan = ACCESS;
    })?;
    for target in 0..3 {
        world.set_target(target, |target| target.vlan = ACCESS)?;
    }
    world.bind(BindingKind::Mac, &C1)?;
    world.bind(BindingKind::Ipv4, &from_v4(v4(ADDRESS).octets()).octets)?;
    world.bind(BindingKind::Ipv6LinkLocal, &v6(LINK_LOCAL).octets())?;
    own_tag(&mut world)?;
    let mut key = World::fdb_key(C2);
    key.vlan = ACCESS;
    let entry = station(world.wires.p2, slot::P2);
    world.tables().put("fdb", &key, &entry)?;
    Ok(world)
}

fn own_tag(world: &mut World) -> Result<()> {
    let key = VlanKey {
        ifindex: world.wires.p1,
        vid: ACCESS,
        pad: 0,
    };
    let vlan = Vlan {
        network: NETWORK,
        slot: slot::P1,
        vlan: ACCESS,
        tag: 0,
    };
    world.tables().put("vlans", &key, &vlan)
}

/// Frames that get past the first checks of each stage.
fn frames() -> Vec<Vec<u8>> {
    const ALL_NODES: Mac = [0x33, 0x33, 0, 0, 0, 1];
    let ip = Ipv4::new(ADDRESS, "10.0.3.12").udp(67, 68, b"a server's answer");
    let dhcp = Ipv4::new("0.0.0.0", "255.255.255.255").udp(68, 67, &[0; 240]);
    let group = Ipv4::new(ADDRESS, "239.1.1.1").packet(2, &[0x16, 0, 0xf9, 0xfd, 239, 1, 1, 1]);
    let report = [
        &[0, 0, 0, 2, 4, 0, 0, 1, 239, 1, 1, 1, 10, 0, 3, 1][..],
        &[3, 0, 0, 0, 239, 1, 1, 2],
    ];
    let v3 = Ipv4::new(ADDRESS, "224.0.0.22")
        .packet(2, &[&[0x22, 0, 0, 0], &report.concat()[..]].concat());
    let v6 = Ipv6::new(LINK_LOCAL, "ff02::1");
    let mld = [&[0, 0, 0, 1, 4, 0, 0, 0, 0xff, 5][..], &[0; 14]].concat();
    vec![
        ethernet(C2, C1, ether_type::IPV4, &ip),
        ethernet(BROADCAST, C1, ether_type::IPV4, &dhcp),
        ethernet([1, 0, 0x5e, 1, 1, 1], C1, ether_type::IPV4, &group),
        ethernet([1, 0, 0x5e, 0, 0, 22], C1, ether_type::IPV4, &v3),
        arp_request(C1, v4(ADDRESS), v4("10.0.3.12")),
        tagged(
            &arp_request(C1, v4(ADDRESS), v4("10.0.3.12")),
            ether_type::C_TAG,
            ACCESS,
        ),
        ethernet(
            ALL_NODES,
            C1,
            ether_type::IPV6,
            &v6.solicitation("fe80::2", Some(C1)),
        ),
        ethernet(
            ALL_NODES,
            C1,
            ether_type::IPV6,
            &v6.advertisement(0x20, LINK_LOCAL, C1),
        ),
        ethernet(ALL_NODES, C1, ether_type::IPV6, &v6.mld(143, &mld)),
        ethernet(ALL_NODES, C1, ether_type::IPV6, &v6.icmp(134, &[0; 12])),
    ]
}

/// What the frame says of its sender, read anew: its MAC, and its IPv4 source or ARP sender.
fn is_honest(frame: &[u8]) -> bool {
    let kind = |at: usize| u16::from_be_bytes([frame[at], frame[at + 1]]);
    let (at, vid) = match kind(12) {
        ether_type::C_TAG => (16, kind(14) & 0xfff),
        _ => (12, ACCESS),
    };
    let payload = &frame[at + 2..];
    let sender = match kind(at) {
        ether_type::IPV4 => payload.get(12..16),
        ether_type::ARP => payload.get(14..18),
        ether_type::C_TAG | ether_type::S_TAG => None,
        ether_type::IPV6 => return frame[6..12] == C1,
        _ => Some(&[0; 4][..]),
    };
    let named = sender == Some(&v4(ADDRESS).octets()[..]) || sender == Some(&[0; 4][..]);
    frame[6..12] == C1 && named && (vid == ACCESS || vid == 0)
}

#[test]
fn what_is_forwarded_is_honest() -> Result<()> {
    always(guarded()?, CASES, &mutated(frames()), |world, frame| {
        // The kernel takes no IPv6 frame into a test run that ends within the header.
        if frame[12..14] == [0x86, 0xdd] && frame.len() < IPV6_SHORTEST {
            return Ok(());
        }
        let before = world.sent()?;
        let ran = world.run(Hook::PortIngress, world.wires.p1, &frame)?;
        let forwarded = ran.verdict == Verdict::Redirect || world.sent()? != before;
        ensure!(!forwarded || is_honest(&frame), "it was forwarded");
        Ok(())
    })
}
