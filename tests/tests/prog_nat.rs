//! Address translation beyond masquerade and published ports, one packet at a time: hairpin, floating
//! addresses, mappings, what the host itself has, what is over.

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::{Addr, UNSPECIFIED, from_v4},
    maps::{
        Floating, FloatingKey, Mapping, MappingKey, Session, SessionFlags, SessionKey, SessionKind,
        Subnet, Uplink,
    },
    verdict::DropReason,
};
use tests::{
    packet::{Ipv4, Ipv6, Tcp, checksums, ether_type, ethernet, tcp_flags, v6},
    prog::{
        Expect, Hook, NETWORK, Verdict, World, mac,
        nat::{
            OUTSIDE, PORT, SERVER, at_p1, at_uplink, c1_to_server, from_server, original, out,
            outside, routed, send, to_c1,
        },
        run_all, slot, station,
    },
};

/// A floating address of c1's.
const FLOATING: &str = "192.168.99.20";
/// A network that has another subnet.
const ELSEWHERE: u32 = NETWORK + 7;

fn c2_out(packet: &[u8]) -> Vec<u8> {
    ethernet(mac::GATEWAY, mac::C2, ether_type::IPV4, packet)
}

fn both_are_known(world: &mut World) -> Result<()> {
    world.learn(mac::C1, station(world.wires.p1, slot::P1))?;
    world.learn(mac::C2, station(world.wires.p2, slot::P2))
}

fn run_at_p2(world: &mut World, frame: &[u8]) -> Result<tests::prog::Ran> {
    let p2 = world.wires.p2;
    world.run(Hook::PortIngress, p2, frame)
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

fn has_floating(world: &mut World) -> Result<()> {
    both_are_known(world)?;
    let (external, internal) = (from_v4([192, 168, 99, 20]), from_v4([10, 0, 3, 11]));
    let mut tables = world.tables();
    let mut put = |address: Addr, network, other: Addr| {
        let key = FloatingKey { address, network };
        let value = Floating {
            address: other,
            network: NETWORK,
        };
        tables.put("floatings", &key, &value)
    };
    put(external, 0, internal)?;
    put(internal, NETWORK, external)
}

#[test]
fn floating_addresses_stand_for_a_station_both_ways() -> Result<()> {
    let answer = Ipv4::new(SERVER, FLOATING);
    run_all(vec![
        at_p1("out by the floating address, with its own l4 port", {
            out(&c1_to_server().udp(777, 53, b"query"))
        })
        .given(has_floating)
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(outside(&routed(FLOATING, SERVER).udp(777, 53, b"query")))
                .then(|world, _| {
                    let (_, session) = original(world)?;
                    ensure!(session.kind == SessionKind::Floating as u8, "{session:?}");
                    Ok(())
                }),
        ),
        at_uplink("in at any l4 port", {
            from_server(&answer.udp(53, 4321, b"unasked"))
        })
        .given(has_floating)
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c1(
            &routed(SERVER, "10.0.3.11").udp(53, 4321, b"unasked"),
        ))),
        at_uplink("in with a protocol that has no l4 ports", {
            from_server(&answer.packet(47, &[0; 12]))
        })
        .given(has_floating)
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(to_c1(&routed(SERVER, "10.0.3.11").packet(47, &[0; 12]))),
        ),
        at_uplink(
            "in by an echo",
            from_server(&answer.echo_request(9, 1, b"ping")),
        )
        .given(has_floating)
        .expect(Expect::verdict(Verdict::Redirect).frame(to_c1(
            &routed(SERVER, "10.0.3.11").echo_request(9, 1, b"ping"),
        ))),
    ])
}

fn wide_pool(world: &mut World) -> Result<()> {
    both_are_known(world)?;
    let mut config = world.config();
    (config.nat_port_low, config.nat_port_high) = (32_768, 60_999);
    world.tables().set_config(config)
}

/// The l4 port of an Ethernet frame of IPv4 without options.
fn src_port(frame: &[u8]) -> u16 {
    u16::from_be_bytes([frame[34], frame[35]])
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

fn has_another_network(world: &mut World) -> Result<()> {
    both_are_known(world)?;
    let subnet = Subnet {
        source: UNSPECIFIED,
        sources: 0,
        network: ELSEWHERE,
        masquerade: 1,
        pad: 0,
    };
    world
        .tables()
        .put_subnet(24, from_v4([10, 0, 4, 0]), subnet)
}

#[test]
fn networks_are_apart() -> Result<()> {
    let towards = out(&Ipv4::new("10.0.3.11", "10.0.4.5").udp(PORT, 53, b"query"));
    let as_another = out(&Ipv4::new("10.0.4.5", SERVER).udp(PORT, 53, b"query"));
    let as_the_host = out(&Ipv4::new(OUTSIDE, SERVER).udp(PORT, 53, b"query"));
    let from_without = from_server(&Ipv4::new("10.0.3.11", OUTSIDE).tcp(&Tcp::syn(1, 8080), b""));
    run_all(vec![
        at_p1("to another network that may not be reached", towards)
            .given(has_another_network)
            .expect(Expect::drop(slot::P1, DropReason::RoutingDenied)),
        at_p1("with an address of another network", as_another)
            .given(has_another_network)
            .expect(Expect::drop(slot::P1, DropReason::ReversePath)),
        at_p1("with the host's address", as_the_host)
            .given(both_are_known)
            .expect(Expect::drop(slot::P1, DropReason::ReversePath)),
        at_uplink("from outside with an inside address", from_without)
            .given(both_are_known)
            .expect(Expect::drop(slot::UPLINK, DropReason::ReversePath)),
    ])
}

const INSIDE_V6: &str = "fd00:3::11";
const OUTSIDE_V6: &str = "fd00:b0::1";
const SERVER_V6: &str = "fd00:b0::64";

/// Gives the world IPv6 on its gateway and its way outside.
fn has_v6(world: &mut World) -> Result<()> {
    both_are_known(world)?;
    world.wires.here.ip("\
addr replace fd00:3::1/64 dev gw nodad
addr replace fd00:b0::1/64 dev up1 nodad
neigh replace fd00:b0::64 lladdr 02:00:00:00:b0:64 dev up1 nud permanent
neigh replace fd00:3::11 lladdr 02:00:00:00:00:0b dev gw nud permanent")?;
    let uplink = world.wires.uplink;
    let mut tables = world.tables();
    let known: Uplink = tables.get("uplinks", &uplink)?.unwrap_or(Uplink {
        address: UNSPECIFIED,
        address_v6: UNSPECIFIED,
        slot: slot::UPLINK,
        mtu: 1500,
        mac: mac::UPLINK,
        pad: 0,
    });
    let address_v6 = v6(OUTSIDE_V6).octets();
    tables.put(
        "uplinks",
        &uplink,
        &Uplink {
            address_v6,
            ..known
        },
    )?;
    tables.put("locals", &address_v6, &uplink)?;
    let subnet = Subnet {
        source: UNSPECIFIED,
        sources: 0,
        network: NETWORK,
        masquerade: 1,
        pad: 0,
    };
    tables.put_prefix(64, v6("fd00:3::").octets(), subnet)
}

fn header_v6(src: &str, dst: &str, hops: u8) -> Ipv6 {
    Ipv6 {
        hops,
        ..Ipv6::new(src, dst)
    }
}

fn frame_v6(dst: [u8; 6], src: [u8; 6], packet: &[u8]) -> Vec<u8> {
    ethernet(dst, src, ether_type::IPV6, packet)
}

#[test]
fn ipv6_is_masqueraded_alike() -> Result<()> {
    let query = header_v6(INSIDE_V6, SERVER_V6, 64).udp(1000, 53, b"odd");
    let echo = header_v6(INSIDE_V6, SERVER_V6, 64).icmp(128, &[0x12, 0x34, 0, 1, b'p']);
    let echoed = header_v6(OUTSIDE_V6, SERVER_V6, 63);
    let [high, low] = PORT.to_be_bytes();
    run_all(vec![
        at_p1("UDP", frame_v6(mac::GATEWAY, mac::C1, &query))
            .given(has_v6)
            .expect(Expect::verdict(Verdict::Redirect).frame(frame_v6(
                mac::SERVER,
                mac::UPLINK,
                &header_v6(OUTSIDE_V6, SERVER_V6, 63).udp(PORT, 53, b"odd"),
            ))),
        at_p1("an echo", frame_v6(mac::GATEWAY, mac::C1, &echo))
            .given(has_v6)
            .expect(Expect::verdict(Verdict::Redirect).frame(frame_v6(
                mac::SERVER,
                mac::UPLINK,
                &echoed.icmp(128, &[high, low, 0, 1, b'p']),
            ))),
        at_uplink("the answer", {
            let answer = header_v6(SERVER_V6, OUTSIDE_V6, 64).udp(53, PORT, b"answer");
            frame_v6(mac::UPLINK, mac::SERVER, &answer)
        })
        .given(|world| {
            has_v6(world)?;
            let query = header_v6(INSIDE_V6, SERVER_V6, 64).udp(1000, 53, b"odd");
            send(world, &frame_v6(mac::GATEWAY, mac::C1, &query))
        })
        .expect(Expect::verdict(Verdict::Redirect).frame(frame_v6(
            mac::C1,
            mac::GATEWAY,
            &header_v6(SERVER_V6, INSIDE_V6, 63).udp(53, 1000, b"answer"),
        ))),
    ])
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
