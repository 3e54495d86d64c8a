//! What the entry programs remember of the way of a session's packets: they do with each what the long way would
//! do, or leave it to that.

use anyhow::{Context as _, Result, ensure};
use netfwd_common::{
    addr::from_v4,
    maps::{BindingKind, PortFlags, Session, SessionFlags},
    verdict::DropReason,
};
use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};
use tests::{
    packet::{Ipv4, Tcp, ether_type, ethernet, tagged, tcp_flags, v4},
    prog::{
        Hook, Verdict, World, mac,
        nat::{
            OUTSIDE, PORT, SERVER, c1_to_server, from_server, original, out, outside, routed, send,
            to_c1,
        },
        slot, station,
    },
};

/// How often a way is looked at: it lasts 100 jiffies, and the machine may be busy.
const TRIES: u32 = 50;
/// A port that the packets leave with which the session, changed unnoticed, does not know of any more.
const OTHER_PORT: u16 = 40_001;

fn query() -> Vec<u8> {
    out(&c1_to_server().udp(PORT, 53, b"a query of 24 octets, so"))
}

fn ack() -> Vec<u8> {
    let ack = Tcp {
        flags: tcp_flags::ACK,
        ..Tcp::syn(PORT, 80)
    };
    out(&c1_to_server().tcp(&ack, b"some octets"))
}

/// A world whose station is known, on one CPU: each has a memory of its own.
fn world() -> Result<World> {
    let mut first = CpuSet::new();
    first.set(0)?;
    sched_setaffinity(Pid::from_raw(0), &first)?;
    let mut world = World::new()?;
    let p1 = world.wires.p1;
    world.learn(mac::C1, station(p1, slot::P1))?;
    Ok(world)
}

/// Gives the session another l4 port outside, and says so to nobody.
fn change_unnoticed(world: &mut World, port: u16) -> Result<()> {
    let sessions = world.sessions()?.into_iter();
    let mut own = sessions.filter(|(_, session)| session.flags.has(SessionFlags::ORIGINAL));
    let (key, session) = own.next().context("no session")?;
    let changed = Session {
        src_port: port,
        ..session
    };
    world.tables().put_unnoticed("sessions", &key, &changed)
}

/// The l4 port that a frame of c1's leaves with.
fn leaves_with(world: &mut World, frame: &[u8]) -> Result<u16> {
    let p1 = world.wires.p1;
    let ran = world.run(Hook::PortIngress, p1, frame)?;
    ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
    let port = ran.frame.get(34..36).context("an l4 header")?;
    Ok(u16::from_be_bytes([port[0], port[1]]))
}

/// Whether a flow's next packets leave as the last did, although its session says otherwise meanwhile.
fn is_remembered(world: &mut World, frame: &[u8]) -> Result<bool> {
    for _ in 0..TRIES {
        world.tables().renew()?;
        // The first is looked up, and the second found at home.
        send(world, frame)?;
        send(world, frame)?;
        change_unnoticed(world, OTHER_PORT)?;
        let with = leaves_with(world, frame)?;
        change_unnoticed(world, PORT)?;
        if with == PORT {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A world in which the way of the query is remembered.
fn remembering() -> Result<World> {
    let mut world = world()?;
    send(&mut world, &query())?;
    ensure!(
        is_remembered(&mut world, &query())?,
        "nothing was remembered"
    );
    Ok(world)
}

#[test]
fn the_next_packets_leave_without_a_look_and_are_the_same() -> Result<()> {
    let mut world = remembering()?;
    let p1 = world.wires.p1;
    let before = world.counters(slot::P1)?;
    let ran = world.run(Hook::PortIngress, p1, &query())?;
    let leaves = routed(OUTSIDE, SERVER).udp(PORT, 53, b"a query of 24 octets, so");
    ensure!(ran.frame == outside(&leaves), "{:02x?}", ran.frame);
    let after = world.counters(slot::P1)?;
    ensure!(
        after.rx_packets == before.rx_packets + 1
            && after.rx_bytes == before.rx_bytes + query().len() as u64,
        "{before:?} {after:?}"
    );
    Ok(())
}

#[test]
fn every_change_voids_it() -> Result<()> {
    let mut world = remembering()?;
    change_unnoticed(&mut world, OTHER_PORT)?;
    world.tables().renew()?;
    let with = leaves_with(&mut world, &query())?;
    ensure!(with == OTHER_PORT, "it left with {with}");
    Ok(())
}

#[test]
fn a_session_counts_all_its_packets_in_the_end() -> Result<()> {
    let mut world = world()?;
    for _ in 0..20 {
        send(&mut world, &query())?;
    }
    // The long way is taken, and the way remembered anew: what was not counted is.
    world.tables().renew()?;
    send(&mut world, &query())?;
    send(&mut world, &query())?;
    let (_, session) = original(&mut world)?;
    let octets = query().len() as u64 - 14;
    ensure!(
        (session.packets, session.bytes) == (22, 22 * octets),
        "{session:?}"
    );
    Ok(())
}

#[test]
fn a_later_session_is_not_given_an_earlier_ones_count() -> Result<()> {
    let mut world = world()?;
    for _ in 0..20 {
        send(&mut world, &query())?;
    }
    let (key, session) = original(&mut world)?;
    let later = Session {
        created_ns: session.created_ns + 1,
        packets: 0,
        ..session
    };
    world.tables().put("sessions", &key, &later)?;
    send(&mut world, &query())?;
    send(&mut world, &query())?;
    let (_, session) = original(&mut world)?;
    ensure!(session.packets == 2, "{session:?}");
    Ok(())
}

#[test]
fn what_may_change_a_session_goes_the_long_way() -> Result<()> {
    let mut world = world()?;
    send(
        &mut world,
        &out(&c1_to_server().tcp(&Tcp::syn(PORT, 80), b"")),
    )?;
    send(&mut world, &ack())?;
    ensure!(is_remembered(&mut world, &ack())?, "nothing was remembered");
    for flags in [tcp_flags::FIN, tcp_flags::RST] {
        send(&mut world, &ack())?;
        let last = Tcp {
            flags: tcp_flags::ACK | flags,
            ..Tcp::syn(PORT, 80)
        };
        send(&mut world, &out(&c1_to_server().tcp(&last, b"")))?;
        let (_, session) = original(&mut world)?;
        ensure!(session.tcp_flags & flags != 0, "{session:?}");
    }
    Ok(())
}

#[test]
fn another_station_or_port_and_a_fragment_do_not_take_its_way() -> Result<()> {
    let mut world = remembering()?;
    change_unnoticed(&mut world, OTHER_PORT)?;
    let packet = c1_to_server().udp(PORT, 53, b"a query of 24 octets, so");
    let stranger = ethernet(mac::GATEWAY, mac::C2, ether_type::IPV4, &packet);
    let with = leaves_with(&mut world, &stranger)?;
    ensure!(with == OTHER_PORT, "another station's left with {with}");
    let mut first_fragment = query();
    first_fragment[20] = 0x20;
    let with = leaves_with(&mut world, &first_fragment)?;
    ensure!(with == OTHER_PORT, "a fragment left with {with}");
    let p2 = world.wires.p2;
    let ran = world.run(Hook::PortIngress, p2, &query())?;
    let port = &ran.frame[34..36];
    ensure!(
        port == OTHER_PORT.to_be_bytes(),
        "another port's: {port:02x?}"
    );
    Ok(())
}

#[test]
fn a_guarded_ports_packets_take_it_with_their_own_source() -> Result<()> {
    let mut world = world()?;
    world.set_p1(|port| port.flags = port.flags.with(PortFlags::ANTI_SPOOF))?;
    world.bind(BindingKind::Mac, &mac::C1)?;
    world.bind(BindingKind::Ipv4, &from_v4([10, 0, 3, 11]).octets)?;
    send(&mut world, &query())?;
    ensure!(
        is_remembered(&mut world, &query())?,
        "nothing was remembered"
    );
    let packet = Ipv4::new("10.0.3.13", SERVER).udp(PORT, 53, b"a query of 24 octets, so");
    let (p1, spoofed) = (world.wires.p1, out(&packet));
    world.tables().clear_drops()?;
    let ran = world.run(Hook::PortIngress, p1, &spoofed)?;
    ensure!(ran.verdict == Verdict::Shot, "{:?}", ran.verdict);
    ensure!(world.drops()? == [(slot::P1, DropReason::SpoofedIp, 1)]);
    Ok(())
}

#[test]
fn a_tagged_packet_does_not_take_it() -> Result<()> {
    let mut world = remembering()?;
    let (p1, frame) = (world.wires.p1, tagged(&query(), ether_type::C_TAG, 10));
    let ran = world.run(Hook::PortIngress, p1, &frame)?;
    let address = ran
        .frame
        .windows(4)
        .any(|octets| octets == v4(OUTSIDE).octets());
    ensure!(!address, "it was translated: {:02x?}", ran.frame);
    Ok(())
}

/// Random numbers that are the same in every run (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// A frame with some octets changed, or cut short, or with more behind it; its addresses, l4 ports and protocol
/// stay, so that it is of the flow, and so does what makes it a fragment: some wait for others.
fn mutated(frame: &[u8], random: &mut Random) -> Vec<u8> {
    const OF_THE_FLOW: [std::ops::Range<usize>; 3] = [20..22, 23..24, 26..38];
    let mut frame = frame.to_vec();
    for _ in 0..random.below(3) {
        let at = random.below(frame.len());
        if !OF_THE_FLOW.iter().any(|range| range.contains(&at)) {
            frame[at] ^= 1 << random.below(8);
        }
    }
    match random.below(4) {
        0 => frame.truncate(34 + random.below(frame.len() - 34)),
        1 => frame.resize(frame.len() + random.below(1500), 0),
        _ => {}
    }
    frame
}

/// Runs a flow's mutated packets on both ways, one after the other.
fn hold_to_the_long_way(world: &mut World, hook: Hook, ifindex: u32, known: &[u8]) -> Result<()> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..1_000 {
        let frame = mutated(known, &mut random);
        // Found, and remembered.
        world.run(hook, ifindex, known)?;
        world.run(hook, ifindex, known)?;
        let short = world.run(hook, ifindex, &frame)?;
        world.tables().renew()?;
        let long = world.run(hook, ifindex, &frame)?;
        ensure!(
            short.verdict == long.verdict && short.frame == long.frame,
            "{frame:02x?}\nshort {short:02x?}\nlong {long:02x?}"
        );
    }
    Ok(())
}

#[test]
fn mutated_packets_out_meet_what_they_would_on_the_long_way() -> Result<()> {
    for (opens, known) in [
        (query(), query()),
        (out(&c1_to_server().tcp(&Tcp::syn(PORT, 80), b"")), ack()),
    ] {
        let mut world = world()?;
        send(&mut world, &opens)?;
        let p1 = world.wires.p1;
        hold_to_the_long_way(&mut world, Hook::PortIngress, p1, &known)?;
    }
    Ok(())
}

#[test]
fn mutated_packets_in_meet_what_they_would_on_the_long_way() -> Result<()> {
    let mut world = world()?;
    send(&mut world, &query())?;
    let answer =
        from_server(&Ipv4::new(SERVER, OUTSIDE).udp(53, PORT, b"an answer, longer than the query"));
    let uplink = world.wires.uplink;
    hold_to_the_long_way(&mut world, Hook::UplinkIngress, uplink, &answer)
}

#[test]
fn answers_take_it_too_and_are_counted() -> Result<()> {
    let mut world = world()?;
    send(&mut world, &query())?;
    let answer = from_server(&Ipv4::new(SERVER, OUTSIDE).udp(53, PORT, b"an answer"));
    let (uplink, before) = (world.wires.uplink, world.counters(slot::P1)?);
    for _ in 0..20 {
        let ran = world.run(Hook::UplinkIngress, uplink, &answer)?;
        let arrives = to_c1(&routed(SERVER, "10.0.3.11").udp(53, PORT, b"an answer"));
        ensure!(
            ran.verdict == Verdict::Redirect && ran.frame == arrives,
            "{ran:02x?}"
        );
    }
    let sent = world.counters(slot::P1)?.tx_packets - before.tx_packets;
    ensure!(sent == 20, "the port was sent {sent}");
    // The long way settles what was not counted.
    world.tables().renew()?;
    world.run(Hook::UplinkIngress, uplink, &answer)?;
    let (key, first) = original(&mut world)?;
    let other: Session = world
        .tables()
        .get("sessions", &key.opposite(&first))?
        .context("no answers")?;
    ensure!(other.packets == 21, "{other:?}");
    Ok(())
}
