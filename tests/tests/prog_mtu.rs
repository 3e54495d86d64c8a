//! Frames that do not fit, and the MSS of TCP SYNs, one frame at a time.

use anyhow::{Result, ensure};
use netfwd_common::{
    maps::{FdbEntry, FdbKey, NetworkFlags, PortFlags, Vlan, VlanKey},
    verdict::DropReason,
};
use tests::{
    packet::{
        BROADCAST, ETH_LEN, Ipv4, Ipv6, Tcp, checksums, complete, ether_type, ethernet, tagged,
    },
    prog::{
        Expect, Fixture, Hook, NETWORK, Verdict, World,
        mac::{C1, C3},
        run_all, slot,
    },
};

const MTU: u16 = 1450;
/// What an IPv4 error has, and quotes.
const V4_LEN: usize = 576;
const V4_QUOTE: usize = 548;
/// The same of an IPv6 error.
const V6_LEN: usize = 1280;
const V6_QUOTE: usize = 1232;

fn at_p1(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame)
        .given(|world| world.learn(C3, World::behind_peer()))
}

fn v4() -> Ipv4 {
    Ipv4::new("10.0.3.11", "10.0.3.13")
}

fn frame(packet: &[u8]) -> Vec<u8> {
    ethernet(C3, C1, ether_type::IPV4, packet)
}

/// A frame with a UDP packet of so many octets.
fn sized(ip: Ipv4, octets: usize) -> Vec<u8> {
    frame(&ip.udp(1000, 2000, &vec![0x5a; octets - 28]))
}

fn sized_v6(octets: usize) -> Vec<u8> {
    let ip = Ipv6::new("fd00::11", "fd00::13").udp(1000, 2000, &vec![0x5a; octets - 48]);
    ethernet(C3, C1, ether_type::IPV6, &ip)
}

/// The error about a frame, as the kernel's vxlan builds it: from where the packet went.
fn needs(mtu: u16, about: &[u8]) -> Vec<u8> {
    let [high, low] = mtu.to_be_bytes();
    let quote = &about[ETH_LEN..][..V4_QUOTE];
    let error =
        Ipv4::new("10.0.3.13", "10.0.3.11").icmp(3, 4, &[&[0, 0, high, low], quote].concat());
    ethernet(C1, C3, ether_type::IPV4, &error)
}

fn needs_v6(mtu: u32, about: &[u8]) -> Vec<u8> {
    let quote = &about[ETH_LEN..][..V6_QUOTE];
    let error =
        Ipv6::new("fd00::13", "fd00::11").icmp(2, &[&mtu.to_be_bytes()[..], quote].concat());
    ethernet(C1, C3, ether_type::IPV6, &error)
}

/// The sender is told, and the drop is counted.
fn told(error: Vec<u8>) -> Expect {
    Expect {
        drop: Some((slot::P1, DropReason::TooBig)),
        ..Expect::verdict(Verdict::Redirect)
    }
    .frame(error)
    .sent([1, 0, 0, 0])
}

fn dropped() -> Expect {
    Expect::drop(slot::P1, DropReason::TooBig)
}

fn about(shows: &'static str, packet: &[u8], expect: Expect) -> Fixture {
    at_p1(shows, frame(packet)).expect(expect)
}

fn long(bytes: usize) -> Vec<u8> {
    vec![0x5a; bytes]
}

#[test]
fn senders_are_told() -> Result<()> {
    let one_more = sized(v4(), usize::from(MTU) + 1);
    let fragmentable = sized(
        Ipv4 {
            fragment: 0,
            ..v4()
        },
        1500,
    );
    let first = Ipv4 {
        fragment: Ipv4::MORE_FRAGMENTS,
        ..v4()
    };
    let first = frame(&first.packet(17, &long(1480)));
    let tcp = frame(&v4().tcp(&Tcp::syn(40_000, 80), &long(1460)));
    let echo = frame(&v4().echo_request(1, 1, &long(1460)));
    run_all(vec![
        at_p1("one octet too many is answered", one_more.clone())
            .expect(told(needs(MTU, &one_more))),
        at_p1("a packet without DF is answered too", fragmentable.clone())
            .expect(told(needs(MTU, &fragmentable))),
        at_p1("a first fragment is answered", first.clone()).expect(told(needs(MTU, &first))),
        at_p1("TCP is answered", tcp.clone()).expect(told(needs(MTU, &tcp))),
        at_p1("an echo is answered", echo.clone()).expect(told(needs(MTU, &echo))),
        at_p1("IPv6 is answered", sized_v6(1451)).expect(told(needs_v6(1450, &sized_v6(1451)))),
        at_p1(
            "the path to the peer tells more than the network",
            sized(v4(), 1401),
        )
        .given(|world| path_mtu(world, 1450))
        .expect(told(needs(1400, &sized(v4(), 1401)))),
        at_p1("what fits the path is sent", sized(v4(), 1400))
            .given(|world| path_mtu(world, 1450))
            .expect(Expect::verdict(Verdict::Redirect)),
    ])
}

/// An underlay of IPv6 takes 20 octets more.
#[test]
fn what_fits_over_ipv6() -> Result<()> {
    let over_v6 = |world: &mut World| world.learn(C3, World::behind_peer_v6());
    let narrow = |world: &mut World| {
        world.learn(C3, World::behind_peer_v6())?;
        let route = "-6 route replace fd00:a0::2/128 dev up0 mtu lock 1450";
        world.wires.here.run(&format!("ip {route}")).map(drop)
    };
    let at = |shows, frame: &[u8], given| at_p1(shows, frame.to_vec()).given(given);
    let (v4, v6) = (sized(v4(), 1431), sized_v6(1431));
    run_all(vec![
        at("IPv4 is told", &v4, over_v6).expect(told(needs(1430, &v4))),
        at("IPv6 is told", &v6, over_v6).expect(told(needs_v6(1430, &v6))),
        at("the path is told", &v6, narrow).expect(told(needs_v6(1380, &v6))),
    ])
}

/// `p1` is a trunk of VLAN 10, which the peer takes tagged.
fn trunk(world: &mut World) -> Result<()> {
    let flags = PortFlags::VLAN;
    world.set_network(|network| network.flags = network.flags.with(NetworkFlags::VLAN))?;
    world.set_p1(|port| port.flags = port.flags.with(flags))?;
    let on_wire = VlanKey {
        ifindex: world.wires.p1,
        vid: 10,
        pad: 0,
    };
    let vlan = Vlan {
        network: NETWORK,
        slot: slot::P1,
        vlan: 10,
        tag: 10,
    };
    world.tables().put("vlans", &on_wire, &vlan)?;
    let key = FdbKey {
        vlan: 10,
        ..World::fdb_key(C3)
    };
    let entry = FdbEntry {
        tag: 10,
        ..World::behind_peer()
    };
    world.tables().put("fdb", &key, &entry)
}

/// A tag takes its room on the underlay; the error goes back with the port's, which the kernel keeps
/// beside the frame.
#[test]
fn tags_are_counted() -> Result<()> {
    let frame = sized(v4(), 1447);
    let tag = |frame: &[u8]| tagged(frame, ether_type::C_TAG, 10);
    run_all(vec![
        at_p1("one octet too many with its tag", tag(&frame))
            .given(trunk)
            .expect(told(needs(1446, &frame))),
        at_p1(
            "what fits with its tag goes to the companion",
            tag(&sized(v4(), 1446)),
        )
        .given(trunk)
        .expect(Expect::verdict(Verdict::Redirect).frame(sized(v4(), 1446))),
    ])
}

/// Lowers the MTU of the route to the peer; forwarding asks for one that is locked alone
/// (include/net/ip.h, `ip_dst_mtu_maybe_forward`).
fn path_mtu(world: &mut World, mtu: u32) -> Result<()> {
    world.learn(C3, World::behind_peer())?;
    world
        .wires
        .here
        .ip(&format!("route replace 172.31.0.2 dev up0 mtu lock {mtu}"))
}

#[test]
fn what_is_never_answered() -> Result<()> {
    let later = Ipv4 {
        fragment: 185,
        ..v4()
    };
    let from = |src: &str| frame(&Ipv4::new(src, "10.0.3.13").udp(1, 2, &long(1460)));
    let mut tag = sized(v4(), 1490);
    tag[12..14].copy_from_slice(&ether_type::S_TAG.to_be_bytes());
    let icmpv6 = Ipv6::new("fd00::11", "fd00::13").icmp(1, &long(1440));
    let group = Ipv6::new("fd00::11", "ff05::13").udp(1, 2, &long(1440));
    run_all(vec![
        about("an ICMP error", &v4().icmp(3, 3, &long(1460)), dropped()),
        about("a redirect", &v4().icmp(5, 0, &long(1460)), dropped()),
        about(
            "a later fragment",
            &later.packet(17, &long(1480)),
            dropped(),
        ),
        at_p1("from nobody", from("0.0.0.0")).expect(dropped()),
        at_p1("from a loopback", from("127.0.0.1")).expect(dropped()),
        at_p1("from a group", from("224.0.0.5")).expect(dropped()),
        at_p1("what is no IP", tag).expect(dropped()),
        at_p1(
            "an ICMPv6 error",
            ethernet(C3, C1, ether_type::IPV6, &icmpv6),
        )
        .expect(dropped()),
        at_p1(
            "to an IPv6 group",
            ethernet(C3, C1, ether_type::IPV6, &group),
        )
        .expect(dropped()),
        at_p1("less than every host takes", sized(v4(), 1401))
            .given(|world| {
                world.learn(C3, World::behind_peer())?;
                world.set_network(|network| network.mtu = 575)
            })
            .expect(dropped()),
    ])
}

/// A frame whose l4 checksum is left to be completed: the field holds the pseudo-header's sum.
fn partial(tcp: bool, octets: usize) -> Vec<u8> {
    let mut frame = if tcp {
        frame(&v4().tcp(&Tcp::syn(40_000, 80), &long(octets - 40)))
    } else {
        sized(v4(), octets)
    };
    let proto = u32::from(frame[23]);
    let len = (octets - 20) as u32;
    let addresses = frame[26..34].chunks(2);
    let words: u32 = addresses
        .map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let sum = words + proto + len;
    let folded = ((sum & 0xffff) + (sum >> 16)) as u16;
    let at = if tcp { 50 } else { 40 };
    frame[at..at + 2].copy_from_slice(&folded.to_be_bytes());
    frame
}

/// What a device completes of a quote's checksum leaves the error's own right.
#[test]
fn partial_checksums_are_quoted() -> Result<()> {
    const QUOTED_L4: usize = ETH_LEN + 28 + 20;
    let mut world = World::new()?;
    world.learn(C3, World::behind_peer())?;
    let p1 = world.wires.p1;
    for (tcp, offset) in [(true, 16), (false, 6)] {
        let mut ran = world.run(Hook::PortIngress, p1, &partial(tcp, 1500))?;
        ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
        ensure!(ran.frame.len() == ETH_LEN + V4_LEN, "{}", ran.frame.len());
        ensure!(checksums(&ran.frame).is_err(), "it is complete already");
        complete(&mut ran.frame, QUOTED_L4, offset);
        checksums(&ran.frame)?;
    }
    Ok(())
}

/// The ICMPv6 error has at most what every link carries, and its checksum is right.
#[test]
fn ipv6_errors_are_whole() -> Result<()> {
    let mut world = World::new()?;
    world.learn(C3, World::behind_peer())?;
    let ran = world.run(Hook::PortIngress, world.wires.p1, &sized_v6(1500))?;
    ensure!(
        ran.frame == needs_v6(1450, &sized_v6(1500)),
        "{:02x?}",
        ran.frame
    );
    ensure!(ran.frame.len() == ETH_LEN + V6_LEN, "{}", ran.frame.len());
    Ok(())
}

/// What is flooded to ports all the same is kept from the peer.
#[test]
fn floods_too_big_stay_here() -> Result<()> {
    let to_all = |octets: usize| {
        let ip = Ipv4::new("10.0.3.11", "10.0.3.255").udp(9, 9, &long(octets - 28));
        ethernet(BROADCAST, C1, ether_type::IPV4, &ip)
    };
    let kept = Expect {
        drop: Some((slot::P1, DropReason::TooBig)),
        ..Expect::verdict(Verdict::Shot)
    };
    run_all(vec![
        at_p1("a broadcast that fits reaches the peer", to_all(1450))
            .expect(Expect::verdict(Verdict::Shot).sent([0, 1, 1, 1])),
        at_p1("one that does not reaches ports alone", to_all(1451))
            .expect(kept.sent([0, 1, 1, 0])),
        at_p1("without peers there is nothing to count", to_all(1451))
            .given(|world| world.set_network(|network| network.flood_len = 3))
            .expect(Expect::verdict(Verdict::Shot).sent([0, 1, 1, 0])),
        at_p1(
            "what nobody else takes is dropped as too big alone",
            to_all(1451),
        )
        .given(|world| {
            world.set_target(0, |target| target.vlan = 9)?;
            world.set_target(1, |target| target.vlan = 9)?;
            world.set_target(2, |target| target.vlan = 9)
        })
        .expect(dropped().sent([0, 0, 0, 0])),
    ])
}
