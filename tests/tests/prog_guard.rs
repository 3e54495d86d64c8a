//! Anti-spoof: what a guarded port's stations may claim to be.

use anyhow::{Result, ensure};
use netfwd_common::{
    maps::{BindingKind, PortFlags},
    verdict::DropReason,
};
use tests::{
    packet::{BROADCAST, Ipv4, Ipv6, Mac, arp_request, ether_type, ethernet, tagged, v4, v6},
    prog::{
        Expect, Fixture, Hook, Verdict, World,
        mac::{C1, C2},
        run_all, slot, station,
    },
};

const MALLORY: Mac = [2, 0, 0, 0, 0, 66];
const LINK_LOCAL: &str = "fe80::1";
const GLOBAL: &str = "2001:db8::11";

fn at_p1(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame)
}

fn ip(src: &str) -> Vec<u8> {
    let ip = Ipv4::new(src, "10.0.3.12").udp(1000, 2000, b"guarded");
    ethernet(C2, C1, ether_type::IPV4, &ip)
}

fn ip6(src: &str) -> Vec<u8> {
    let ip = Ipv6::new(src, "2001:db8::12").udp(1000, 2000, b"guarded");
    ethernet(C2, C1, ether_type::IPV6, &ip)
}

/// `p1` may use C1's MAC and its addresses.
fn guarded(world: &mut World) -> Result<()> {
    world.flag_p1(PortFlags::ANTI_SPOOF)?;
    world.bind(BindingKind::Mac, &C1)?;
    world.bind(
        BindingKind::Ipv4,
        &netfwd_common::addr::from_v4([10, 0, 3, 11]).octets,
    )?;
    world.bind(BindingKind::Ipv6LinkLocal, &v6(LINK_LOCAL).octets())?;
    world.bind(BindingKind::Ipv6, &v6(GLOBAL).octets())?;
    world.learn(C2, station(world.wires.p2, slot::P2))
}

/// The same, and DHCP and router advertisements come from here.
fn server(world: &mut World) -> Result<()> {
    guarded(world)?;
    world.flag_p1(PortFlags::ANTI_SPOOF.with(PortFlags::SERVER))
}

/// Nothing is given: the first of each kind is the port's.
fn first_seen(world: &mut World) -> Result<()> {
    world.flag_p1(PortFlags::ANTI_SPOOF.with(PortFlags::FIRST_SEEN))?;
    world.learn(C2, station(world.wires.p2, slot::P2))
}

fn passes(shows: &'static str, frame: Vec<u8>) -> Fixture {
    at_p1(shows, frame.clone())
        .given(guarded)
        .expect(Expect::verdict(Verdict::Redirect).frame(frame))
}

fn refused(shows: &'static str, frame: Vec<u8>, reason: DropReason) -> Fixture {
    at_p1(shows, frame).given(guarded).expect(
        Expect::drop(slot::P1, reason)
            .then(|world, _| {
                ensure!(world.fdb(MALLORY)?.is_none(), "its source was learned");
                Ok(())
            })
            .sent([0, 0, 0, 0]),
    )
}

#[test]
fn sources() -> Result<()> {
    let mut other_mac = ip("10.0.3.11");
    other_mac[6..12].copy_from_slice(&MALLORY);
    run_all(vec![
        passes("its own addresses", ip("10.0.3.11")),
        passes("its own IPv6 address", ip6(GLOBAL)),
        passes("its own link-local address", ip6(LINK_LOCAL)),
        refused("another MAC", other_mac, DropReason::SpoofedMac),
        refused(
            "another IPv4 address",
            ip("10.0.3.66"),
            DropReason::SpoofedIp,
        ),
        refused(
            "another IPv6 address",
            ip6("2001:db8::66"),
            DropReason::SpoofedIp,
        ),
        refused(
            "another link-local address",
            ip6("fe80::66"),
            DropReason::SpoofedIp,
        ),
        refused(
            "a group as a source",
            ip("224.0.0.1"),
            DropReason::SpoofedIp,
        ),
        refused(
            "no address, and no DHCP",
            ip("0.0.0.0"),
            DropReason::SpoofedIp,
        ),
        refused("no IPv6 address", ip6("::"), DropReason::SpoofedIp),
        refused(
            "a packet behind a second tag",
            tagged(&ip("10.0.3.66"), ether_type::S_TAG, 5),
            DropReason::Vlan,
        ),
        refused(
            "an IPv4 packet that is cut off",
            ip("10.0.3.11")[..34].to_vec(),
            DropReason::Malformed,
        ),
    ])
}

#[test]
fn arp_and_nd() -> Result<()> {
    let arp = |sender| arp_request(C1, v4(sender), v4("10.0.3.12"));
    let mut foreign = arp("10.0.3.11");
    foreign[22..28].copy_from_slice(&MALLORY);
    let na = |target| {
        let ip = Ipv6::new(LINK_LOCAL, "2001:db8::12").advertisement(0x60, target, C1);
        ethernet(C2, C1, ether_type::IPV6, &ip)
    };
    let lie = Ipv6::new(GLOBAL, "2001:db8::12").advertisement(0x60, GLOBAL, MALLORY);
    run_all(vec![
        at_p1("ARP of its own address", arp("10.0.3.11"))
            .given(guarded)
            .expect(Expect::verdict(Verdict::Shot)),
        at_p1("an ARP probe", arp("0.0.0.0"))
            .given(guarded)
            .expect(Expect::verdict(Verdict::Shot)),
        refused(
            "ARP of another address",
            arp("10.0.3.66"),
            DropReason::SpoofedArp,
        ),
        refused(
            "ARP with another MAC in it",
            foreign,
            DropReason::SpoofedArp,
        ),
        passes("an advertisement of its own address", na(GLOBAL)),
        refused(
            "an advertisement of another address",
            na("2001:db8::66"),
            DropReason::SpoofedArp,
        ),
        refused(
            "an advertisement with another MAC in it",
            ethernet(C2, C1, ether_type::IPV6, &lie),
            DropReason::SpoofedArp,
        ),
    ])
}

fn dhcp(src: &str, ports: (u16, u16)) -> Vec<u8> {
    let ip = Ipv4::new(src, "255.255.255.255").udp(ports.0, ports.1, &[0; 240]);
    ethernet(BROADCAST, C1, ether_type::IPV4, &ip)
}

fn router_advertisement() -> Vec<u8> {
    let ip = Ipv6::new(LINK_LOCAL, "ff02::1").icmp(134, &[0; 12]);
    ethernet([0x33, 0x33, 0, 0, 0, 1], C1, ether_type::IPV6, &ip)
}

#[test]
fn servers() -> Result<()> {
    let hidden = {
        let options = [&[58, 0, 1, 4, 0, 0, 0, 0][..], &[134, 0, 0, 0], &[0; 12]].concat();
        let ip = Ipv6::new(LINK_LOCAL, "ff02::1").packet(60, &options);
        ethernet([0x33, 0x33, 0, 0, 0, 1], C1, ether_type::IPV6, &ip)
    };
    let dhcpv6 = Ipv6::new(LINK_LOCAL, "fe80::2").udp(547, 546, b"reply");
    run_all(vec![
        at_p1("a client asks for a lease", dhcp("0.0.0.0", (68, 67)))
            .given(guarded)
            .expect(Expect::verdict(Verdict::Shot)),
        refused(
            "a server's answer",
            dhcp("10.0.3.11", (67, 68)),
            DropReason::Server,
        ),
        refused(
            "a router advertisement",
            router_advertisement(),
            DropReason::Server,
        ),
        refused("one behind an extension header", hidden, DropReason::Server),
        refused(
            "a DHCPv6 server's answer",
            ethernet(C2, C1, ether_type::IPV6, &dhcpv6),
            DropReason::Server,
        ),
        at_p1(
            "a server's answer from a server",
            dhcp("10.0.3.11", (67, 68)),
        )
        .given(server)
        .expect(Expect::verdict(Verdict::Shot)),
        at_p1("a router's advertisement", router_advertisement())
            .given(server)
            .expect(Expect::verdict(Verdict::Shot)),
    ])
}

#[test]
fn the_first_seen_is_bound() -> Result<()> {
    let mut world = World::new()?;
    first_seen(&mut world)?;
    let p1 = world.wires.p1;
    let mut verdict =
        |frame: &[u8]| Ok::<_, anyhow::Error>(world.run(Hook::PortIngress, p1, frame)?.verdict);
    ensure!(verdict(&ip("10.0.3.11"))? == Verdict::Redirect, "the first");
    ensure!(
        verdict(&ip("10.0.3.11"))? == Verdict::Redirect,
        "the same again"
    );
    ensure!(
        verdict(&ip("10.0.3.66"))? == Verdict::Shot,
        "a second address"
    );
    ensure!(
        verdict(&ip6(LINK_LOCAL))? == Verdict::Redirect,
        "one of each kind"
    );
    ensure!(
        verdict(&ip6(GLOBAL))? == Verdict::Redirect,
        "one of each kind"
    );
    ensure!(
        verdict(&ip6("2001:db8::66"))? == Verdict::Shot,
        "a second of a kind"
    );
    let mut other = ip("10.0.3.11");
    other[6..12].copy_from_slice(&MALLORY);
    ensure!(verdict(&other)? == Verdict::Shot, "a second MAC");
    let drops = world.drops()?;
    ensure!(
        drops.contains(&(slot::P1, DropReason::SpoofedIp, 2)),
        "{drops:?}"
    );
    ensure!(
        drops.contains(&(slot::P1, DropReason::SpoofedMac, 1)),
        "{drops:?}"
    );
    Ok(())
}
