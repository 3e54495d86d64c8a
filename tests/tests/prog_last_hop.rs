//! Packets from outside for a station, with no hop left: this host is told to be one.

use std::time::Instant;

use anyhow::{Result, ensure};
use netfwd_common::{
    addr::{Addr, UNSPECIFIED},
    icmp::Budget,
    maps::{Publish, PublishFlags, PublishKey, Target, TargetFlags, TargetKey},
    nat::proto,
    verdict::DropReason,
};
use tests::{
    packet::{Ipv4, Ipv6, Tcp, ether_type, ethernet, tcp_flags, v6},
    prog::{
        Expect, Hook, NETWORK, Verdict, World, mac,
        nat::{
            OUTSIDE, PORT, SERVER, at_p1, at_uplink, c1_to_server, from_server, no_session,
            original, out, outside, to_c1,
        },
        run_all, slot, station,
    },
};

/// Octets of a quote: what an error of 576 octets leaves (RFC 1812 §4.3.2.3).
const MOST: usize = 576 - 28;

/// A packet of the server's to the listener of 8080, with one hop to live.
fn probe(flags: u8, payload: &[u8]) -> Vec<u8> {
    let tcp = Tcp {
        flags,
        ..Tcp::syn(50_000, 8080)
    };
    last(SERVER, OUTSIDE).tcp(&tcp, payload)
}

fn last(src: &str, dst: &str) -> Ipv4 {
    Ipv4 {
        ttl: 1,
        ..Ipv4::new(src, dst)
    }
}

/// The error about so many octets of a packet of the server's.
fn told(packet: &[u8], quoted: usize) -> Expect {
    let error = error(SERVER, &packet[..quoted]);
    expired(slot::UPLINK).frame(outside(&error))
}

/// What the address that was called says of a packet to it.
fn error(to: &str, quote: &[u8]) -> Vec<u8> {
    let ip = Ipv4 {
        ttl: 64,
        ..Ipv4::new(OUTSIDE, to)
    };
    ip.icmp(11, 0, &[&[0; 4], quote].concat())
}

fn expired(slot: u32) -> Expect {
    Expect {
        drop: Some((slot, DropReason::TimeExceeded)),
        ..Expect::verdict(Verdict::Redirect)
    }
}

fn c1_is_known(world: &mut World) -> Result<()> {
    world.learn(mac::C1, station(world.wires.p1, slot::P1))
}

#[test]
fn the_address_that_was_called_says_so() -> Result<()> {
    let (short, odd) = (probe(tcp_flags::SYN, b""), probe(tcp_flags::SYN, b"odd"));
    let long = probe(tcp_flags::SYN, &[0x5a; 1300]);
    let padded = [&from_server(&short)[..], &[0; 6]].concat();
    run_all(vec![
        at_uplink("a probe is quoted whole", from_server(&short))
            .expect(told(&short, short.len()).then(|world, _| no_session(world))),
        at_uplink("what fills a frame up is not quoted", padded).expect(told(&short, short.len())),
        at_uplink("one of an odd length to its last word", from_server(&odd))
            .expect(told(&odd, 40)),
        at_uplink(
            "a long one as far as every host takes it",
            from_server(&long),
        )
        .expect(told(&long, MOST)),
    ])
}

/// Its host knows nothing of such a connection, and would reset it.
#[test]
fn so_it_does_of_a_session() -> Result<()> {
    let data = probe(tcp_flags::ACK, b"data");
    let opened = |world: &mut World| {
        c1_is_known(world)?;
        let uplink = world.wires.uplink;
        let syn = Ipv4::new(SERVER, OUTSIDE).tcp(&Tcp::syn(50_000, 8080), b"");
        world.run(Hook::UplinkIngress, uplink, &from_server(&syn))?;
        Ok(())
    };
    run_all(vec![
        at_uplink("a packet of a session", from_server(&data))
            .given(opened)
            .expect(told(&data, data.len()).then(|world, _| {
                let (_, session) = original(world)?;
                ensure!(session.packets == 1, "{session:?}");
                Ok(())
            })),
    ])
}

#[test]
fn what_is_the_hosts_has_arrived() -> Result<()> {
    let own = from_server(&last(SERVER, OUTSIDE).tcp(&Tcp::syn(50_000, 8081), b""));
    let echo = from_server(&last(SERVER, OUTSIDE).echo_request(7, 1, b"ping"));
    run_all(vec![
        at_uplink("another l4 port", own.clone()).expect(Expect::verdict(Verdict::Pass).frame(own)),
        at_uplink("an echo request", echo.clone())
            .expect(Expect::verdict(Verdict::Pass).frame(echo)),
    ])
}

/// From inside it is asked for by its outside address as well.
#[test]
fn a_station_is_told_by_the_address_that_it_called() -> Result<()> {
    let probe = last("10.0.3.11", OUTSIDE).tcp(&Tcp::syn(PORT, 8080), b"");
    let answer = to_c1(&error("10.0.3.11", &probe));
    let beyond = out(&Ipv4 {
        ttl: 1,
        ..c1_to_server()
    }
    .tcp(&Tcp::syn(PORT, 8080), b""));
    run_all(vec![
        at_p1("a listener", out(&probe))
            .given(c1_is_known)
            .expect(expired(slot::P1).frame(answer)),
        at_p1(
            "what goes farther is the host's stack's to tell",
            beyond.clone(),
        )
        .given(c1_is_known)
        .expect(Expect::verdict(Verdict::Redirect).frame(beyond)),
    ])
}

/// What is for the gateway's address on the link is the host's own, whoever is published at every address.
#[test]
fn nothing_is_published_on_the_link() -> Result<()> {
    const GATEWAY: &str = "fe80::1";
    let published = |world: &mut World| {
        c1_is_known(world)?;
        let (local, gateway) = (Addr::new(v6(GATEWAY).octets()), world.wires.gateway);
        world.tables().put("locals", &local, &gateway)?;
        let listener = PublishKey {
            address: UNSPECIFIED,
            port: 8080,
            proto: proto::TCP,
            pad: 0,
        };
        let to = Publish {
            network: NETWORK,
            group: 1,
            flags: PublishFlags::default(),
            targets: 1,
            offset: 0,
        };
        let target = Target {
            address: Addr::new(v6("fd00:3::12").octets()),
            port: 80,
            flags: TargetFlags::default(),
        };
        let place = TargetKey { group: 1, index: 0 };
        world.tables().put("targets", &place, &target)?;
        world.tables().put("publishes", &listener, &to)
    };
    let to_link = |hops| {
        let ip = Ipv6 {
            hops,
            ..Ipv6::new("fe80::11", GATEWAY)
        };
        let packet = ip.tcp(&Tcp::syn(PORT, 8080), b"");
        ethernet(mac::GATEWAY, mac::C1, ether_type::IPV6, &packet)
    };
    let gateways = |shows, frame: Vec<u8>| {
        let arrives = Expect::verdict(Verdict::Redirect).frame(frame.clone());
        let opens_none = |world: &mut World, _: &_| no_session(world);
        at_p1(shows, frame)
            .given(published)
            .expect(arrives.then(opens_none))
    };
    run_all(vec![
        gateways("with hops left", to_link(64)),
        gateways("with none", to_link(1)),
    ])
}

/// However many ask, and whoever they say they are.
#[test]
fn errors_are_limited() -> Result<()> {
    const ASKED: usize = 2000;
    let mut world = World::new()?;
    let (uplink, frame) = (world.wires.uplink, from_server(&probe(tcp_flags::SYN, b"")));
    world.run(Hook::UplinkIngress, uplink, &frame)?;
    let start = Instant::now();
    let told = world.inside(|world| {
        let run = |_| world.run(Hook::UplinkIngress, uplink, &frame);
        let ran: Result<Vec<_>> = (0..ASKED).map(run).collect();
        anyhow::Ok(
            ran?.iter()
                .filter(|ran| ran.verdict == Verdict::Redirect)
                .count(),
        )
    })?;
    // Each CPU has its own, and its clock's steps are of some milliseconds.
    let cpus = std::thread::available_parallelism()?.get();
    let earned = start.elapsed().as_millis() as usize + 20;
    let most = cpus * (Budget::BURST as usize + earned);
    ensure!(
        (Budget::BURST as usize..=most).contains(&told),
        "{told} of at most {most}"
    );
    Ok(())
}
