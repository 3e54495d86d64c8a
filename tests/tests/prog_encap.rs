//! Encapsulation, one frame at a time.

use std::net::Ipv4Addr;

use anyhow::{Result, ensure};
use netfwd_common::{addr::from_v4, maps::FdbEntry};
use tests::{
    packet::{ETH_LEN, Ipv4, Vxlan, arp_request, checksums, ether_type, ethernet, v4},
    prog::{
        Expect, Fixture, Hook, Ran, VNI, Verdict, World,
        mac::{self, C1, C3},
        run_all, slot,
    },
};

const VTEP: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(172, 31, 0, 2);

/// The headers that VXLAN over IPv4 puts in front of a frame.
const OUTER: usize = 50;

fn to_c3(src_port: u16) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.13").udp(src_port, 2000, b"from c1 to c3");
    ethernet(C3, C1, ether_type::IPV4, &ip)
}

fn at_p1(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame)
        .given(|world| world.learn(C3, World::behind_peer()))
}

/// The UDP source port of an encapsulated frame.
fn source_port(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[34], frame[35]])
}

/// An error unless a frame is this inner one as this host encapsulates it.
fn is_encapsulated(ran: &Ran, inner: &[u8], tos: u8) -> Result<()> {
    let src_port = source_port(&ran.frame);
    ensure!(src_port >= 49_152, "source port {src_port}");
    let outer = Vxlan {
        src_port,
        tos,
        ..Vxlan::new(VTEP, PEER, VNI)
    };
    let expected = outer.macs(mac::UNDERLAY, mac::PEER).wrap(inner);
    ensure!(
        ran.frame == expected,
        "{:02x?} is not {expected:02x?}",
        ran.frame
    );
    checksums(&ran.frame)
}

#[test]
fn encapsulation() -> Result<()> {
    run_all(vec![
        at_p1(
            "a frame for a station behind a peer gets exactly RFC 7348's headers",
            to_c3(1000),
        )
        .expect(Expect::verdict(Verdict::Redirect).then(|world, ran| {
            is_encapsulated(ran, &to_c3(1000), 0)?;
            let peer = world.counters(slot::PEER)?;
            ensure!(peer.tx_packets == 1, "{peer:?}");
            Ok(())
        })),
        at_p1("the inner TOS is inherited", inner_with_tos(0xb8)).expect(
            Expect::verdict(Verdict::Redirect)
                .then(|_, ran| is_encapsulated(ran, &inner_with_tos(0xb8), 0xb8)),
        ),
        at_p1("congestion marks are copied outwards", inner_with_tos(0x03)).expect(
            Expect::verdict(Verdict::Redirect)
                .then(|_, ran| is_encapsulated(ran, &inner_with_tos(0x03), 0x03)),
        ),
        at_p1("IPv6 is encapsulated as well", ipv6()).expect(
            Expect::verdict(Verdict::Redirect).then(|_, ran| {
                let port = source_port(&ran.frame);
                ensure!(port >= 49_152, "source port {port}");
                ensure!(ran.frame[OUTER..] == ipv6()[..], "the inner frame changed");
                Ok(())
            }),
        ),
        at_p1("ARP goes to the companion, untouched", arp())
            .expect(Expect::verdict(Verdict::Redirect).frame(arp())),
        at_p1("a frame of the whole MTU is encapsulated", sized(1450)).expect(
            Expect::verdict(Verdict::Redirect).then(|_, ran| {
                ensure!(
                    ran.frame.len() == ETH_LEN + 1500,
                    "{} octets",
                    ran.frame.len()
                );
                is_encapsulated(ran, &sized(1450), 0)
            }),
        ),
        at_p1(
            "a peer whose next hop nobody knows is the companion's",
            to_c3(1000),
        )
        .given(|world| {
            let mut config = world.config();
            config.vtep.octets[15] = 77;
            world.learn(C3, elsewhere())?;
            world.tables().set_config(config)
        })
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c3(1000))),
    ])
}

fn inner_with_tos(tos: u8) -> Vec<u8> {
    let ip = Ipv4 {
        tos,
        ..Ipv4::new("10.0.3.11", "10.0.3.13")
    };
    ethernet(C3, C1, ether_type::IPV4, &ip.udp(1000, 2000, b"marked"))
}

fn ipv6() -> Vec<u8> {
    let mut packet = vec![0; 48];
    packet[0] = 0x60;
    packet[4..8].copy_from_slice(&[0, 8, 17, 64]);
    packet[8..24].copy_from_slice(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 11]);
    packet[24..40].copy_from_slice(&[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 13]);
    packet[40..48].copy_from_slice(&[0x10, 0, 0x20, 0, 0, 8, 0, 0]);
    ethernet(C3, C1, ether_type::IPV6, &packet)
}

fn arp() -> Vec<u8> {
    let mut frame = arp_request(C1, v4("10.0.3.11"), v4("10.0.3.13"));
    frame[..6].copy_from_slice(&C3);
    frame
}

/// A frame with an IP packet of so many octets.
fn sized(octets: usize) -> Vec<u8> {
    let ip = Ipv4::new("10.0.3.11", "10.0.3.13").udp(1000, 2000, &vec![0x5a; octets - 28]);
    ethernet(C3, C1, ether_type::IPV4, &ip)
}

/// Behind a peer that is in no table.
fn elsewhere() -> FdbEntry {
    let mut entry = World::behind_peer();
    entry.peer = from_v4([172, 31, 9, 9]);
    entry
}

#[test]
fn flows_spread_over_source_ports() -> Result<()> {
    let mut world = World::new()?;
    world.learn(C3, World::behind_peer())?;
    let p1 = world.wires.p1;
    let mut port = |flow: u16| -> Result<u16> {
        Ok(source_port(
            &world.run(Hook::PortIngress, p1, &to_c3(flow))?.frame,
        ))
    };
    ensure!(port(1)? == port(1)?, "one flow has one source port");
    let ports = (0..64)
        .map(&mut port)
        .collect::<Result<std::collections::BTreeSet<u16>>>()?;
    ensure!(
        ports.len() > 48,
        "64 flows have {} source ports",
        ports.len()
    );
    Ok(())
}
