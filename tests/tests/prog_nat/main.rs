//! Address translation beyond masquerade and published ports, one packet at a time: hairpin, floating
//! addresses, mappings, what the host itself has, what is over.

mod apart;
mod floating;
mod ports;
mod v6;

use anyhow::{Result, ensure};
use netfwd_common::maps::{Mapping, MappingKey, Session, SessionKey, SessionKind};
use tests::{
    packet::{Ipv4, Tcp, checksums, ether_type, ethernet, tcp_flags},
    prog::{
        Hook, Ran, Verdict, World, mac,
        nat::{
            OUTSIDE, PORT, SERVER, c1_to_server, from_server, original, out, outside, routed, send,
            to_c1,
        },
        slot, station,
    },
};

fn c2_out(packet: &[u8]) -> Vec<u8> {
    ethernet(mac::GATEWAY, mac::C2, ether_type::IPV4, packet)
}

fn both_are_known(world: &mut World) -> Result<()> {
    world.learn(mac::C1, station(world.wires.p1, slot::P1))?;
    world.learn(mac::C2, station(world.wires.p2, slot::P2))
}

fn run_at_p2(world: &mut World, frame: &[u8]) -> Result<Ran> {
    let p2 = world.wires.p2;
    world.run(Hook::PortIngress, p2, frame)
}

/// The l4 port of an Ethernet frame of IPv4 without options.
fn src_port(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[34], frame[35]])
}

#[test]
fn a_neighbour_reaches_a_published_port_by_the_outside() -> Result<()> {
    let mut world = World::new()?;
    both_are_known(&mut world)?;
    let asks = Ipv4::new("10.0.3.12", OUTSIDE).tcp(&Tcp::syn(50_000, 8080), b"");
    let ran = run_at_p2(&mut world, &c2_out(&asks))?;
    // The sender is seen by its mapping (RFC 4787 REQ-9 a).
    let seen = routed(OUTSIDE, "10.0.3.11").tcp(&Tcp::syn(PORT, 80), b"");
    ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
    ensure!(ran.frame == to_c1(&seen), "{:02x?}", ran.frame);
    let answer = |src_port, dst_port| Tcp {
        flags: tcp_flags::SYN | tcp_flags::ACK,
        ..Tcp::syn(src_port, dst_port)
    };
    let p1 = world.wires.p1;
    let reply = Ipv4::new("10.0.3.11", OUTSIDE).tcp(&answer(80, PORT), b"");
    let ran = world.run(Hook::PortIngress, p1, &out(&reply))?;
    let back = routed(OUTSIDE, "10.0.3.12").tcp(&answer(8080, 50_000), b"");
    let expected = ethernet(mac::C2, mac::GATEWAY, ether_type::IPV4, &back);
    ensure!(ran.verdict == Verdict::Redirect && ran.frame == expected);
    let (_, session) = original(&mut world)?;
    ensure!(session.kind == SessionKind::Publish as u8, "{session:?}");
    Ok(())
}

#[test]
fn the_host_keeps_its_answers() -> Result<()> {
    let mut world = World::new()?;
    both_are_known(&mut world)?;
    let uplink = world.wires.uplink;
    send(&mut world, &out(&c1_to_server().udp(1000, 53, b"query")))?;
    let mut config = world.config();
    config.nat_port_high = PORT + 2;
    world.tables().set_config(config)?;
    let own = outside(&Ipv4::new(OUTSIDE, SERVER).udp(PORT, 53, b"the host's own"));
    let ran = world.run(Hook::UplinkEgress, uplink, &own)?;
    checksums(&ran.frame)?;
    let port = src_port(&ran.frame);
    ensure!(ran.verdict == Verdict::Pass && port != PORT, "port {port}");
    let answer = |dst_port| Ipv4::new(SERVER, OUTSIDE).udp(53, dst_port, b"answer");
    let ran = world.run(Hook::UplinkIngress, uplink, &from_server(&answer(port)))?;
    ensure!(ran.verdict == Verdict::Pass, "{:?}", ran.verdict);
    ensure!(
        ran.frame == from_server(&answer(PORT)),
        "{:02x?}",
        ran.frame
    );
    let ran = world.run(Hook::UplinkIngress, uplink, &from_server(&answer(PORT)))?;
    let inside = routed(SERVER, "10.0.3.11").udp(53, 1000, b"answer");
    ensure!(ran.frame == to_c1(&inside), "the station keeps its own");
    Ok(())
}

#[test]
fn what_is_over_is_over_without_a_daemon() -> Result<()> {
    let mut world = World::new()?;
    both_are_known(&mut world)?;
    send(&mut world, &out(&c1_to_server().udp(1000, 53, b"query")))?;
    let answer = from_server(&Ipv4::new(SERVER, OUTSIDE).udp(53, PORT, b"answer"));
    let uplink = world.wires.uplink;
    let ran = world.run(Hook::UplinkIngress, uplink, &answer)?;
    ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
    let mut tables = world.tables();
    for (key, session) in tables.all::<SessionKey, Session>("sessions")? {
        let old = Session {
            last_seen_ns: 1,
            ..session
        };
        tables.put("sessions", &key, &old)?;
    }
    for (key, mapping) in tables.all::<MappingKey, Mapping>("mappings")? {
        let old = Mapping {
            last_seen_ns: 1,
            ..mapping
        };
        tables.put("mappings", &key, &old)?;
    }
    let ran = world.run(Hook::UplinkIngress, uplink, &answer)?;
    ensure!(ran.verdict == Verdict::Pass && ran.frame == answer);
    ensure!(world.sessions()?.is_empty(), "both directions go");
    ensure!(
        world
            .tables()
            .all::<MappingKey, Mapping>("mappings")?
            .is_empty()
    );
    Ok(())
}
