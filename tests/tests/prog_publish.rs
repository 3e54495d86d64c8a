//! Published ports, and what NAT leaves to the host, one packet at a time.

use anyhow::{Result, ensure};
use netfwd_common::{
    maps::{SessionFlags, SessionKind},
    verdict::DropReason,
};
use tests::{
    packet::{Ipv4, Tcp, tcp_flags},
    prog::{
        Expect, Hook, Verdict, World, mac,
        nat::{
            OUTSIDE, PORT, SERVER, at_p1, at_uplink, c1_to_server, from_server, leaving,
            no_session, one_session, original, out, outside, routed, to_c1,
        },
        run_all, slot, station,
    },
};

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
        leaving("a protocol without l4 ports is translated by address", gre).expect(
            Expect::verdict(Verdict::Pass)
                .frame(outside(&Ipv4::new(OUTSIDE, SERVER).packet(47, &[0; 8])))
                .then(|world, _| one_session(world).map(drop)),
        ),
        leaving("a message that cannot be translated does not leave", {
            outside(&packet.packet(1, &[17, 0, 0, 0, 0, 0, 0, 0]))
        })
        .expect(Expect::drop(slot::UPLINK, DropReason::NatProtocol)),
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
    world.learn(mac::C1, station(world.wires.p1, slot::P1))
}
