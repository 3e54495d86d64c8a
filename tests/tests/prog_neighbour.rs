//! ARP and ND: what is learned, what is answered, and what stays on this host.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::{Addr, from_v4},
    maps::{Neighbour, NeighbourFlags, NeighbourKey, NetworkFlags, PortFlags},
    verdict::DropReason,
};
use tests::{
    packet::{BROADCAST, Ipv4, Ipv6, Mac, arp_reply, arp_request, ether_type, ethernet, v4, v6},
    prog::{
        Expect, Fixture, Hook, NETWORK, Verdict, World,
        mac::{self, C1, C2},
        run_all, slot, station,
    },
};

const C1_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 11);
const C2_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 12);
const GATEWAY_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 1);
const C1_V6: &str = "2001:db8::11";
const C2_V6: &str = "2001:db8::12";
const GATEWAY_V6: &str = "2001:db8::1";
/// The solicited-node group of `C2_V6` (RFC 4291 §2.7.1) and its MAC.
const C2_GROUP: &str = "ff02::1:ff00:12";
const C2_GROUP_MAC: Mac = [0x33, 0x33, 0xff, 0, 0, 0x12];

fn at_p1(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame)
}

fn from_gateway(shows: &'static str, frame: Vec<u8>) -> Fixture {
    let on = |world: &World| world.wires.gateway_port;
    Fixture::new(shows, Hook::PortIngress, on, frame)
}

fn key(ip: Addr) -> NeighbourKey {
    NeighbourKey {
        network: NETWORK,
        vlan: 0,
        pad: 0,
        ip,
    }
}

fn neighbour(world: &mut World, ip: Addr) -> Result<Option<Neighbour>> {
    world.tables().get("neighbours", &key(ip))
}

fn heard(world: &mut World, ip: Addr, mac: Mac) -> Result<()> {
    let known = neighbour(world, ip)?;
    ensure!(known.is_some_and(|known| known.mac == mac), "{known:?}");
    Ok(())
}

fn know(world: &mut World, ip: Addr, mac: Mac, flags: NeighbourFlags) -> Result<()> {
    let neighbour = Neighbour {
        last_seen_ns: station(1, 1).last_seen_ns,
        mac,
        flags,
    };
    world.tables().put("neighbours", &key(ip), &neighbour)
}

fn suppressing(world: &mut World) -> Result<()> {
    world.set_network(|network| network.flags = network.flags.with(NetworkFlags::SUPPRESSION))
}

/// C2 is behind the peer, and known by both of its addresses.
fn c2_is_remote(world: &mut World) -> Result<()> {
    suppressing(world)?;
    world.learn(C2, World::behind_peer())?;
    know(
        world,
        from_v4(C2_V4.octets()),
        C2,
        NeighbourFlags::default(),
    )?;
    know(
        world,
        Addr::new(v6(C2_V6).octets()),
        C2,
        NeighbourFlags::default(),
    )
}

fn solicitation(src: &str, target: &str, dst: (&str, Mac)) -> Vec<u8> {
    let source_mac = (src != "::").then_some(C1);
    let ip = Ipv6::new(src, dst.0).solicitation(target, source_mac);
    ethernet(dst.1, C1, ether_type::IPV6, &ip)
}

/// Nobody but local ports and the gateway got it.
fn stayed_here(world: &mut World) -> Result<()> {
    let sent = world.sent()?;
    ensure!(sent[1] == 1 && sent[3] == 0, "sent to {sent:?}");
    Ok(())
}

#[test]
fn answers() -> Result<()> {
    let advertisement = Ipv6::new(C2_V6, C1_V6).advertisement(0x60, C2_V6, C2);
    run_all(vec![
        at_p1(
            "a known neighbour is answered for",
            arp_request(C1, C1_V4, C2_V4),
        )
        .given(c2_is_remote)
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(arp_reply(C1, C2, C2_V4, C1_V4))
                .sent([1, 0, 0, 0]),
        ),
        at_p1(
            "a known IPv6 neighbour is answered for",
            solicitation(C1_V6, C2_V6, (C2_GROUP, C2_GROUP_MAC)),
        )
        .given(c2_is_remote)
        .expect(Expect::verdict(Verdict::Redirect).frame(ethernet(
            C1,
            C2,
            ether_type::IPV6,
            &advertisement,
        ))),
        from_gateway(
            "the gateway's own question is answered too",
            arp_request(mac::GATEWAY, GATEWAY_V4, C2_V4),
        )
        .given(c2_is_remote)
        .expect(Expect::verdict(Verdict::Redirect).frame(arp_reply(
            mac::GATEWAY,
            C2,
            C2_V4,
            GATEWAY_V4,
        ))),
        at_p1("a padded question is answered", {
            let mut frame = arp_request(C1, C1_V4, C2_V4);
            frame.resize(60, 0);
            frame
        })
        .given(c2_is_remote)
        .expect(Expect::verdict(Verdict::Redirect).frame({
            let mut frame = arp_reply(C1, C2, C2_V4, C1_V4);
            frame.resize(60, 0);
            frame
        })),
    ])
}

#[test]
fn questions_that_go_on() -> Result<()> {
    let question = || arp_request(C1, C1_V4, C2_V4);
    run_all(vec![
        at_p1("an unknown neighbour is asked for everywhere", question())
            .given(suppressing)
            .expect(Expect::verdict(Verdict::Shot).sent([0, 1, 1, 1])),
        at_p1("without suppression a known one is too", question())
            .given(|world| {
                c2_is_remote(world)?;
                let network = world.network();
                world.tables().put("networks", &NETWORK, &network)
            })
            .expect(Expect::verdict(Verdict::Shot).sent([0, 1, 1, 1])),
        at_p1("one whose station is silent is", question())
            .given(|world| {
                suppressing(world)?;
                know(world, from_v4(C2_V4.octets()), C2, NeighbourFlags::STATIC)
            })
            .expect(Expect::verdict(Verdict::Shot).sent([0, 1, 1, 1])),
        at_p1("a question to one station is that station's", {
            let mut frame = question();
            frame[..6].copy_from_slice(&C2);
            frame
        })
        .given(|world| {
            c2_is_remote(world)?;
            world.learn(C2, station(world.wires.p2, slot::P2))
        })
        .expect(Expect::verdict(Verdict::Redirect).sent([0, 1, 0, 0])),
        at_p1(
            "who is behind the port that asks answers itself",
            question(),
        )
        .given(|world| {
            c2_is_remote(world)?;
            world.learn(C2, station(world.wires.p1, slot::P1))
        })
        .expect(Expect::verdict(Verdict::Shot).sent([0, 1, 1, 1])),
    ])
}

#[test]
fn what_peers_need_not_hear() -> Result<()> {
    let kept = || Expect::verdict(Verdict::Shot).then(|world, _| stayed_here(world));
    let unsolicited = Ipv6::new(C1_V6, "ff02::1").advertisement(0x20, C1_V6, C1);
    run_all(vec![
        at_p1("a probe", arp_request(C1, v4("0.0.0.0"), C2_V4))
            .given(c2_is_remote)
            .expect(kept()),
        at_p1("a gratuitous question", arp_request(C1, C1_V4, C1_V4))
            .given(c2_is_remote)
            .expect(kept()),
        at_p1(
            "a gratuitous answer",
            arp_reply(BROADCAST, C1, C1_V4, C1_V4),
        )
        .given(c2_is_remote)
        .expect(kept()),
        at_p1(
            "a probe for an IPv6 address",
            solicitation("::", C2_V6, (C2_GROUP, C2_GROUP_MAC)),
        )
        .given(c2_is_remote)
        .expect(kept()),
        at_p1(
            "an unsolicited advertisement",
            ethernet([0x33, 0x33, 0, 0, 0, 1], C1, ether_type::IPV6, &unsolicited),
        )
        .given(c2_is_remote)
        .expect(kept()),
        from_gateway(
            "the gateway's question for who is unknown",
            arp_request(mac::GATEWAY, GATEWAY_V4, v4("10.0.3.99")),
        )
        .given(suppressing)
        .expect(Expect::verdict(Verdict::Shot).sent([1, 1, 0, 0])),
        from_gateway(
            "the gateway's announcement, suppression or not",
            arp_request(mac::GATEWAY, GATEWAY_V4, GATEWAY_V4),
        )
        .expect(Expect::verdict(Verdict::Shot).sent([1, 1, 0, 0])),
    ])
}

#[test]
fn the_gateway_is_the_local_one() -> Result<()> {
    let to_gateway = || {
        Expect::verdict(Verdict::Redirect)
            .then(|world, _| {
                ensure!(world.counters(slot::NETWORK)?.tx_packets == 1);
                Ok(())
            })
            .sent([0, 0, 0, 0])
    };
    run_all(vec![
        at_p1(
            "its address is asked of it alone",
            arp_request(C1, C1_V4, GATEWAY_V4),
        )
        .expect(to_gateway()),
        at_p1(
            "so is its IPv6 address",
            solicitation(
                C1_V6,
                GATEWAY_V6,
                ("ff02::1:ff00:1", [0x33, 0x33, 0xff, 0, 0, 1]),
            ),
        )
        .given(|world| {
            let flags = NeighbourFlags::STATIC.with(NeighbourFlags::GATEWAY);
            know(
                world,
                Addr::new(v6(GATEWAY_V6).octets()),
                mac::GATEWAY,
                flags,
            )
        })
        .expect(to_gateway()),
        from_gateway("its probe for its link-local address stays here", {
            let ip = Ipv6::new("::", "ff02::1:ff00:301").solicitation("fe80::ff:fe00:301", None);
            let group = [0x33, 0x33, 0xff, 0, 0x03, 0x01];
            ethernet(group, mac::GATEWAY, ether_type::IPV6, &ip)
        })
        .expect(Expect::verdict(Verdict::Shot).then(|world, _| {
            let sent = world.sent()?;
            ensure!((sent[0], sent[1], sent[3]) == (1, 1, 0), "sent to {sent:?}");
            Ok(())
        })),
        at_p1(
            "nobody else may say that it has the address",
            arp_reply(BROADCAST, C1, GATEWAY_V4, GATEWAY_V4),
        )
        .expect(Expect::drop(slot::P1, DropReason::SpoofedArp)),
    ])
}

#[test]
fn learning() -> Result<()> {
    let acknowledgement = {
        let mut message = vec![0; 236];
        message[..3].copy_from_slice(&[2, 1, 6]);
        message[16..20].copy_from_slice(&C2_V4.octets());
        message[28..34].copy_from_slice(&C2);
        message.extend([99, 130, 83, 99, 53, 1, 5, 255]);
        let ip = Ipv4::new("10.0.3.1", "255.255.255.255").udp(67, 68, &message);
        ethernet(BROADCAST, mac::GATEWAY, ether_type::IPV4, &ip)
    };
    let mut world = World::new()?;
    suppressing(&mut world)?;
    let (p1, gateway) = (world.wires.p1, world.wires.gateway_port);
    world.run(Hook::PortIngress, p1, &arp_request(C1, C1_V4, C2_V4))?;
    heard(&mut world, from_v4(C1_V4.octets()), C1)?;
    world.run(Hook::PortIngress, gateway, &acknowledgement)?;
    heard(&mut world, from_v4(C2_V4.octets()), C2)?;
    let solicits = solicitation(C1_V6, C2_V6, (C2_GROUP, C2_GROUP_MAC));
    world.run(Hook::PortIngress, p1, &solicits)?;
    heard(&mut world, Addr::new(v6(C1_V6).octets()), C1)?;
    know(
        &mut world,
        from_v4(C1_V4.octets()),
        C2,
        NeighbourFlags::STATIC,
    )?;
    world.run(Hook::PortIngress, p1, &arp_request(C1, C1_V4, C2_V4))?;
    heard(&mut world, from_v4(C1_V4.octets()), C2)
}

#[test]
fn a_servers_port_teaches_leases_and_no_other() -> Result<()> {
    let mut world = World::new()?;
    suppressing(&mut world)?;
    let mut message = vec![0; 236];
    message[..3].copy_from_slice(&[2, 1, 6]);
    message[16..20].copy_from_slice(&C2_V4.octets());
    message[28..34].copy_from_slice(&C2);
    message.extend([99, 130, 83, 99, 53, 1, 5, 255]);
    let ip = Ipv4::new("10.0.3.11", "255.255.255.255").udp(67, 68, &message);
    let frame = ethernet(BROADCAST, C1, ether_type::IPV4, &ip);
    let p1 = world.wires.p1;
    world.run(Hook::PortIngress, p1, &frame)?;
    ensure!(neighbour(&mut world, from_v4(C2_V4.octets()))?.is_none());
    world.flag_p1(PortFlags::SERVER)?;
    world.run(Hook::PortIngress, p1, &frame)?;
    ensure!(neighbour(&mut world, from_v4(C2_V4.octets()))?.is_some());
    Ok(())
}
