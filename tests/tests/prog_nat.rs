//! Masquerade and published ports, one packet at a time.

use anyhow::{Context, Result, ensure};
use netfwd_common::{
    addr::from_v4,
    maps::{Session, SessionFlags, SessionKey, SessionKind},
    verdict::DropReason,
};
use tests::{
    packet::{Ipv4, Mac, Tcp, ether_type, ethernet, tcp_flags},
    prog::{Expect, Fixture, Hook, SHORTEST, Verdict, World, mac, run_all, slot, station},
};

const C1: Mac = [0x02, 0, 0, 0, 0, 11];
const C2: Mac = [0x02, 0, 0, 0, 0, 12];
const SERVER: &str = "192.168.99.100";
const OUTSIDE: &str = "192.168.99.1";
/// An l4 port within the range that masquerade may use, so that it is kept.
const PORT: u16 = 40_000;

/// A packet of c1 to its gateway's MAC.
fn out(packet: &[u8]) -> Vec<u8> {
    ethernet(mac::GATEWAY, C1, ether_type::IPV4, packet)
}

/// A packet on the wire to the server.
fn outside(packet: &[u8]) -> Vec<u8> {
    ethernet(mac::SERVER, mac::UPLINK, ether_type::IPV4, packet)
}

/// A packet of the server to this host.
fn from_server(packet: &[u8]) -> Vec<u8> {
    ethernet(mac::UPLINK, mac::SERVER, ether_type::IPV4, packet)
}

/// A packet of the gateway to c1.
fn to_c1(packet: &[u8]) -> Vec<u8> {
    ethernet(C1, mac::GATEWAY, ether_type::IPV4, packet)
}

fn c1_to_server() -> Ipv4 {
    Ipv4::new("10.0.3.11", SERVER)
}

/// A header as it is after one hop.
fn routed(src: &str, dst: &str) -> Ipv4 {
    Ipv4 {
        ttl: 63,
        ..Ipv4::new(src, dst)
    }
}

fn at_p1(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame)
}

fn at_uplink(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(
        shows,
        Hook::UplinkIngress,
        |world| world.wires.uplink,
        frame,
    )
}

fn leaving(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::UplinkEgress, |world| world.wires.uplink, frame)
}

fn send(world: &mut World, frame: &[u8]) -> Result<()> {
    let p1 = world.wires.p1;
    let ran = world.run(Hook::PortIngress, p1, frame)?;
    ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
    Ok(())
}

/// An error unless there is one session, of both directions, each the other's opposite.
fn one_session(world: &mut World) -> Result<[(SessionKey, Session); 2]> {
    let sessions: [(SessionKey, Session); 2] = world
        .sessions()?
        .try_into()
        .map_err(|all: Vec<_>| anyhow::anyhow!("{} entries", all.len()))?;
    let [(a, of_a), (b, of_b)] = sessions;
    ensure!(
        a.opposite(&of_a) == b && b.opposite(&of_b) == a,
        "not opposites: {sessions:#?}"
    );
    Ok(sessions)
}

fn no_session(world: &mut World) -> Result<()> {
    let sessions = world.sessions()?;
    ensure!(sessions.is_empty(), "{sessions:#?}");
    Ok(())
}

/// The direction that made the session.
fn original(world: &mut World) -> Result<(SessionKey, Session)> {
    let sessions = one_session(world)?;
    let found = sessions
        .into_iter()
        .find(|(_, session)| session.flags.has(SessionFlags::ORIGINAL));
    found.context("no direction is the original")
}

#[test]
fn masquerade_rewrites_exactly() -> Result<()> {
    let became = |packet: Vec<u8>| {
        Expect::verdict(Verdict::Redirect)
            .frame(outside(&packet))
            .then(|world, _| one_session(world).map(drop))
    };
    let leaves = routed(OUTSIDE, SERVER);
    let syn = Tcp::syn(PORT, 80);
    run_all(vec![
        at_p1("UDP", out(&c1_to_server().udp(PORT, 53, b"query")))
            .expect(became(leaves.udp(PORT, 53, b"query"))),
        at_p1(
            "UDP of odd length",
            out(&c1_to_server().udp(PORT, 53, b"odd")),
        )
        .expect(became(leaves.udp(PORT, 53, b"odd"))),
        at_p1("UDP without a checksum keeps none", {
            out(&c1_to_server().udp_without_checksum(PORT, 53, b"query"))
        })
        .expect(became(leaves.udp_without_checksum(PORT, 53, b"query"))),
        at_p1("TCP", out(&c1_to_server().tcp(&syn, b""))).expect(became(leaves.tcp(&syn, b""))),
        at_p1(
            "ICMP echo",
            out(&c1_to_server().echo_request(PORT, 1, b"ping")),
        )
        .expect(became(leaves.echo_request(PORT, 1, b"ping"))),
    ])
}

#[test]
fn masquerade_keeps_books() -> Result<()> {
    let query = c1_to_server().udp(PORT, 53, b"query");
    let len = query.len() as u64;
    let mut world = World::new()?;
    send(&mut world, &out(&query))?;
    send(&mut world, &out(&query))?;
    let (key, session) = original(&mut world)?;
    ensure!(
        (key.src, key.src_port) == (from_v4([10, 0, 3, 11]), PORT),
        "{key:?}"
    );
    ensure!(
        (session.src, session.src_port) == (from_v4([192, 168, 99, 1]), PORT),
        "{session:?}"
    );
    ensure!(
        (session.packets, session.bytes) == (2, 2 * len),
        "{session:?}"
    );
    ensure!(session.kind == SessionKind::Masquerade as u8 && session.inside_mac == C1);
    ensure!(session.next_hop.ifindex == world.wires.uplink && session.next_hop.mtu == 1500);
    Ok(())
}

#[test]
fn ports_are_chosen_within_the_range_and_never_twice() -> Result<()> {
    let mut world = World::new()?;
    let p1 = world.wires.p1;
    let mut seen = std::collections::BTreeSet::new();
    for last in 11..75 {
        // Every station uses the same l4 port, which lies outside the range for half of them.
        let inside = if last % 2 == 0 { PORT } else { 999 };
        let packet = Ipv4::new(&format!("10.0.3.{last}"), SERVER).udp(inside, 53, b"query");
        let frame = ethernet(
            mac::GATEWAY,
            [2, 0, 0, 0, 0, last],
            ether_type::IPV4,
            &packet,
        );
        let ran = world.run(Hook::PortIngress, p1, &frame)?;
        ensure!(
            ran.verdict == Verdict::Redirect,
            "{:?} for .{last}",
            ran.verdict
        );
        tests::packet::checksums(&ran.frame)?;
        let port = u16::from_be_bytes([ran.frame[34], ran.frame[35]]);
        ensure!((32_768..=60_999).contains(&port), "port {port}");
        ensure!(seen.insert(port), "port {port} twice");
    }
    ensure!(world.sessions()?.len() == 2 * 64);
    Ok(())
}

#[test]
fn replies_come_back() -> Result<()> {
    let answer = Ipv4::new(SERVER, OUTSIDE);
    let inside = routed(SERVER, "10.0.3.11");
    let syn_ack = Tcp {
        flags: tcp_flags::SYN | tcp_flags::ACK,
        ..Tcp::syn(80, PORT)
    };
    run_all(vec![
        at_uplink("UDP", from_server(&answer.udp(53, PORT, b"answer")))
            .given(|world| send(world, &out(&c1_to_server().udp(PORT, 53, b"query"))))
            .expect(
                Expect::verdict(Verdict::Redirect).frame(to_c1(&inside.udp(53, PORT, b"answer"))),
            ),
        at_uplink("TCP, and the session knows both sides' flags", {
            from_server(&answer.tcp(&syn_ack, b""))
        })
        .given(|world| send(world, &out(&c1_to_server().tcp(&Tcp::syn(PORT, 80), b""))))
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(to_c1(&inside.tcp(&syn_ack, b"")))
                .then(|world, _| {
                    let sessions = one_session(world)?;
                    let flags = sessions.map(|(_, session)| session.tcp_flags);
                    ensure!(flags.contains(&tcp_flags::SYN), "{flags:?}");
                    ensure!(
                        flags.contains(&(tcp_flags::SYN | tcp_flags::ACK)),
                        "{flags:?}"
                    );
                    Ok(())
                }),
        ),
        at_uplink(
            "an ICMP echo reply",
            from_server(&answer.echo_reply(PORT, 1, b"ping")),
        )
        .given(|world| send(world, &out(&c1_to_server().echo_request(PORT, 1, b"ping"))))
        .expect(
            Expect::verdict(Verdict::Redirect).frame(to_c1(&inside.echo_reply(PORT, 1, b"ping"))),
        ),
        at_uplink("a packet from another l4 port is no reply", {
            from_server(&answer.udp(54, PORT, b"answer"))
        })
        .given(|world| send(world, &out(&c1_to_server().udp(PORT, 53, b"query"))))
        .expect(
            Expect::verdict(Verdict::Pass).frame(from_server(&answer.udp(54, PORT, b"answer"))),
        ),
    ])
}

#[test]
fn the_host_keeps_what_is_its_own() -> Result<()> {
    let untouched = |verdict, frame: &[u8]| {
        Expect::verdict(verdict)
            .frame(frame.to_vec())
            .then(|world, _| no_session(world))
    };
    let answer = from_server(&Ipv4::new(SERVER, OUTSIDE).udp(53, PORT, b"unasked"));
    let to_gateway = out(&Ipv4::new("10.0.3.11", "10.0.3.1").udp(PORT, 53, b"query"));
    let last_hop = out(&Ipv4 {
        ttl: 1,
        ..c1_to_server()
    }
    .udp(PORT, 53, b"query"));
    let fragment = out(&Ipv4 {
        fragment: Ipv4::MORE_FRAGMENTS,
        ..c1_to_server()
    }
    .udp(PORT, 53, &[0; 64]));
    let unroutable = out(&Ipv4::new("10.0.3.11", "203.0.113.9").udp(PORT, 53, b"query"));
    let foreign = out(&Ipv4::new("10.9.9.9", SERVER).udp(PORT, 53, b"query"));
    run_all(vec![
        at_uplink("what nobody asked for", answer.clone())
            .expect(untouched(Verdict::Pass, &answer)),
        at_p1(
            "a packet for the gateway itself goes to its device",
            to_gateway.clone(),
        )
        .expect(untouched(Verdict::Redirect, &to_gateway)),
        at_p1(
            "a packet whose time to live ends here goes to the stack",
            last_hop.clone(),
        )
        .expect(untouched(Verdict::Redirect, &last_hop)),
        at_p1("a fragment goes to the stack", fragment.clone())
            .expect(untouched(Verdict::Redirect, &fragment)),
        at_p1(
            "a packet without a route goes to the stack",
            unroutable.clone(),
        )
        .expect(untouched(Verdict::Redirect, &unroutable)),
        at_p1(
            "a source outside the subnet goes to the stack",
            foreign.clone(),
        )
        .expect(untouched(Verdict::Redirect, &foreign)),
    ])
}

#[test]
fn the_slow_way_obeys_the_same_rules() -> Result<()> {
    let packet = c1_to_server();
    let gre = outside(&packet.packet(47, &[0; 8]));
    let fragment = outside(
        &Ipv4 {
            fragment: Ipv4::MORE_FRAGMENTS,
            ..packet
        }
        .udp(PORT, 53, &[0; 64]),
    );
    let own = outside(&Ipv4::new(OUTSIDE, SERVER).udp(PORT, 53, b"the host's own"));
    run_all(vec![
        leaving("what the stack routed out of the subnet is translated", {
            outside(&packet.udp(PORT, 53, b"query"))
        })
        .expect(
            Expect::verdict(Verdict::Pass)
                .frame(outside(&Ipv4::new(OUTSIDE, SERVER).udp(PORT, 53, b"query")))
                .then(|world, _| one_session(world).map(drop)),
        ),
        leaving("a protocol that cannot be translated does not leave", gre)
            .expect(Expect::drop(slot::UPLINK, DropReason::NatProtocol)),
        leaving("a fragment does not leave untranslated", fragment)
            .expect(Expect::drop(slot::UPLINK, DropReason::Fragment)),
        leaving("the host's own packets leave as they are", own.clone()).expect(
            Expect::verdict(Verdict::Pass)
                .frame(own)
                .then(|world, _| no_session(world)),
        ),
    ])
}

#[test]
fn published_ports() -> Result<()> {
    let syn = Tcp::syn(50_000, 8080);
    let inside_syn = Tcp {
        dst_port: 80,
        ..syn
    };
    let asks = from_server(&Ipv4::new(SERVER, OUTSIDE).tcp(&syn, b""));
    let answer = Tcp {
        flags: tcp_flags::SYN | tcp_flags::ACK,
        ..Tcp::syn(80, 50_000)
    };
    let answered = Tcp {
        src_port: 8080,
        ..answer
    };
    let other = from_server(&Ipv4::new(SERVER, OUTSIDE).tcp(&Tcp::syn(50_000, 8081), b""));
    let by_udp = from_server(&Ipv4::new(SERVER, OUTSIDE).udp(50_000, 8080, b"not tcp"));
    run_all(vec![
        at_uplink("a listener's packet goes to its container", asks.clone())
            .given(c1_is_known)
            .expect(
                Expect::verdict(Verdict::Redirect)
                    .frame(to_c1(&routed(SERVER, "10.0.3.11").tcp(&inside_syn, b"")))
                    .then(|world, _| {
                        let (_, session) = original(world)?;
                        ensure!(session.kind == SessionKind::Publish as u8, "{session:?}");
                        ensure!(!session.flags.has(SessionFlags::FROM_INSIDE), "{session:?}");
                        Ok(())
                    }),
            ),
        at_p1("the answer leaves with the listener's address", {
            out(&c1_to_server().tcp(&answer, b""))
        })
        .given(|world| {
            c1_is_known(world)?;
            let syn = Ipv4::new(SERVER, OUTSIDE).tcp(&Tcp::syn(50_000, 8080), b"");
            let uplink = world.wires.uplink;
            world.run(Hook::UplinkIngress, uplink, &from_server(&syn))?;
            Ok(())
        })
        .expect(
            Expect::verdict(Verdict::Redirect)
                .frame(outside(&routed(OUTSIDE, SERVER).tcp(&answered, b"")))
                .then(|world, _| one_session(world).map(drop)),
        ),
        at_uplink("another l4 port is the host's", other.clone())
            .given(c1_is_known)
            .expect(Expect::verdict(Verdict::Pass).frame(other)),
        at_uplink("another protocol is the host's", by_udp.clone())
            .given(c1_is_known)
            .expect(Expect::verdict(Verdict::Pass).frame(by_udp)),
    ])
}

fn c1_is_known(world: &mut World) -> Result<()> {
    world.learn(C1, station(world.wires.p1, slot::P1))
}

#[test]
fn exhausted_ports_refuse_the_new_and_keep_the_old() -> Result<()> {
    let mut world = World::new()?;
    let mut config = world.config();
    (config.nat_port_low, config.nat_port_high) = (PORT, PORT);
    world.tables().set_config(config)?;
    let first = out(&c1_to_server().udp(PORT, 53, b"query"));
    send(&mut world, &first)?;
    let packet = Ipv4::new("10.0.3.12", SERVER).udp(PORT, 53, b"query");
    let second = ethernet(mac::GATEWAY, C2, ether_type::IPV4, &packet);
    let p1 = world.wires.p1;
    let ran = world.run(Hook::PortIngress, p1, &second)?;
    ensure!(ran.verdict == Verdict::Shot, "{:?}", ran.verdict);
    ensure!(world.drops()? == [(slot::P1, DropReason::NatPortsExhausted, 1)]);
    send(&mut world, &first)?;
    one_session(&mut world).map(drop)
}

#[test]
fn truncated_packets_are_never_translated() -> Result<()> {
    let mut world = World::new()?;
    let p1 = world.wires.p1;
    let packets = [
        c1_to_server().udp(PORT, 53, b"query"),
        c1_to_server().tcp(&Tcp::syn(PORT, 80), b""),
        c1_to_server().echo_request(PORT, 1, b"ping"),
    ];
    for whole in packets.map(|packet| out(&packet)) {
        for len in SHORTEST..whole.len() {
            let ran = world.run(Hook::PortIngress, p1, &whole[..len])?;
            ensure!(
                ran.verdict == Verdict::Shot,
                "{:?} for {len} octets",
                ran.verdict
            );
        }
    }
    let dropped: u64 = world.drops()?.iter().map(|(_, _, count)| count).sum();
    ensure!(
        dropped > 0
            && world
                .drops()?
                .iter()
                .all(|drop| drop.1 == DropReason::Malformed)
    );
    no_session(&mut world)
}
