//! The l4 ports that endpoints are given outside.

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::from_v4,
    maps::{Mapping, MappingKey, SessionFlags},
    verdict::DropReason,
};
use tests::{
    packet::{Ipv4, Tcp, checksums, tcp_flags},
    prog::{
        Hook, Verdict, World,
        nat::{PORT, SERVER, c1_to_server, original, out, send},
        slot,
    },
};

use super::{both_are_known, c2_out, run_at_p2, src_port};

fn wide_pool(world: &mut World) -> Result<()> {
    both_are_known(world)?;
    let mut config = world.config();
    (config.nat_port_low, config.nat_port_high) = (32_768, 60_999);
    world.tables().set_config(config)
}

#[test]
fn an_endpoint_is_seen_alike_by_everybody() -> Result<()> {
    let mut world = World::new()?;
    wide_pool(&mut world)?;
    let p1 = world.wires.p1;
    let mut seen = std::collections::BTreeSet::new();
    for server_port in 1000..1032 {
        let frame = out(&c1_to_server().udp(5060, server_port, b"who am I"));
        let ran = world.run(Hook::PortIngress, p1, &frame)?;
        checksums(&ran.frame)?;
        seen.insert(src_port(&ran.frame));
    }
    ensure!(seen.len() == 1, "{seen:?}");
    let port = seen.pop_first().unwrap_or_default();
    ensure!(port.is_multiple_of(2), "of the inside's parity: {port}");
    let mappings = world.tables().all::<MappingKey, Mapping>("mappings")?;
    ensure!(mappings.len() == 2, "{mappings:?}");
    for (key, mapping) in &mappings {
        let other = key.opposite(mapping);
        ensure!(
            mappings.iter().any(|(key, _)| *key == other),
            "{mappings:?}"
        );
    }
    Ok(())
}

#[test]
fn a_port_serves_two_towards_different_servers_when_there_is_no_other() -> Result<()> {
    let mut world = World::new()?;
    both_are_known(&mut world)?;
    send(&mut world, &out(&c1_to_server().udp(1000, 53, b"query")))?;
    let other = Ipv4::new("10.0.3.12", SERVER);
    let ran = run_at_p2(&mut world, &c2_out(&other.udp(1000, 54, b"query")))?;
    ensure!(ran.verdict == Verdict::Redirect && src_port(&ran.frame) == PORT);
    let ran = run_at_p2(&mut world, &c2_out(&other.udp(1000, 53, b"query")))?;
    ensure!(ran.verdict == Verdict::Shot, "{:?}", ran.verdict);
    ensure!(world.drops()? == [(slot::P2, DropReason::NatPortsExhausted, 1)]);
    Ok(())
}

#[test]
fn a_closed_connection_gives_its_port_away() -> Result<()> {
    let mut world = World::new()?;
    both_are_known(&mut world)?;
    let c2_syn = c2_out(&Ipv4::new("10.0.3.12", SERVER).tcp(&Tcp::syn(1001, 80), b""));
    send(
        &mut world,
        &out(&c1_to_server().tcp(&Tcp::syn(1000, 80), b"")),
    )?;
    ensure!(run_at_p2(&mut world, &c2_syn)?.verdict == Verdict::Shot);
    let reset = Tcp {
        flags: tcp_flags::RST,
        ..Tcp::syn(1000, 80)
    };
    send(&mut world, &out(&c1_to_server().tcp(&reset, b"")))?;
    let ran = run_at_p2(&mut world, &c2_syn)?;
    ensure!(ran.verdict == Verdict::Redirect && src_port(&ran.frame) == PORT);
    let (key, _) = original(&mut world)?;
    ensure!(key.src == from_v4([10, 0, 3, 12]), "{key:?}");
    Ok(())
}

#[test]
fn a_session_notes_whose_port_it_holds() -> Result<()> {
    let mut world = World::new()?;
    both_are_known(&mut world)?;
    send(&mut world, &out(&c1_to_server().udp(1000, 53, b"query")))?;
    for (_, session) in world.sessions()? {
        let flag = if session.flags.has(SessionFlags::ORIGINAL) {
            SessionFlags::MAPPED
        } else {
            SessionFlags::TO_MAPPED
        };
        ensure!(session.flags.has(flag), "{session:?}");
    }
    Ok(())
}
