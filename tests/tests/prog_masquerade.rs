//! Masquerade, one packet at a time.

use anyhow::{Result, ensure};
use netfwd_common::{addr::from_v4, maps::SessionKind, verdict::DropReason};
use tests::{
    packet::{Ipv4, Tcp, ether_type, ethernet, tcp_flags},
    prog::{
        Expect, Hook, OTHER_PORT, SHORTEST, Verdict, World, mac,
        nat::{
            OUTSIDE, PORT, SERVER, at_p1, at_uplink, c1_to_server, from_server, no_session,
            one_session, original, out, outside, routed, send, to_c1,
        },
        run_all, slot,
    },
};

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
        at_p1(
            "ICMP echo whose identifier is 0",
            out(&c1_to_server().echo_request(0, 1, b"ping")),
        )
        .expect(became(leaves.echo_request(PORT, 1, b"ping"))),
    ])
}

/// To whichever UDP port the peer takes it at: it would be this host's VXLAN there.
#[test]
fn vxlan_to_a_peer_is_not_masqueraded() -> Result<()> {
    let to_peer = |port| out(&Ipv4::new("10.0.3.11", "172.31.0.2").udp(PORT, port, b"VXLAN"));
    let dropped =
        || Expect::drop(slot::P1, DropReason::Injected).then(|world, _| no_session(world));
    run_all(vec![
        at_p1("to the usual UDP port", to_peer(4789)).expect(dropped()),
        at_p1("to one that a peer has", to_peer(OTHER_PORT)).expect(dropped()),
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
    ensure!(session.kind == SessionKind::Masquerade as u8 && session.station == mac::C1);
    ensure!(session.next_hop.ifindex == world.wires.uplink && session.next_hop.mtu == 1500);
    Ok(())
}

#[test]
fn ports_are_chosen_within_the_range_and_never_twice() -> Result<()> {
    let mut world = World::new()?;
    let mut config = world.config();
    (config.nat_port_low, config.nat_port_high) = (32_768, 60_999);
    world.tables().set_config(config)?;
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
        .expect(Expect::drop(slot::UPLINK, DropReason::NatFiltered)),
    ])
}

/// The host would answer it as its own, of a connection that it does not know: by a reset. Its sender is told.
#[test]
fn a_reply_without_a_hop_left_is_for_no_socket_of_the_host() -> Result<()> {
    let answer = Ipv4 {
        ttl: 1,
        ..Ipv4::new(SERVER, OUTSIDE)
    };
    let packet = answer.udp(53, PORT, b"answers.");
    let gateway = Ipv4 {
        ttl: 64,
        ..Ipv4::new(OUTSIDE, SERVER)
    };
    let told = Expect {
        drop: Some((slot::UPLINK, DropReason::TimeExceeded)),
        ..Expect::verdict(Verdict::Redirect)
    };
    let error = gateway.icmp(11, 0, &[&[0; 4], &packet[..]].concat());
    run_all(vec![
        at_uplink("of a session", from_server(&packet))
            .given(|world| send(world, &out(&c1_to_server().udp(PORT, 53, b"query"))))
            .expect(told.frame(outside(&error))),
        at_uplink("of none", from_server(&packet)).expect(Expect::verdict(Verdict::Pass)),
    ])
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
    let second = ethernet(mac::GATEWAY, mac::C2, ether_type::IPV4, &packet);
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
