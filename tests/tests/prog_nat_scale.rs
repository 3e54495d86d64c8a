//! As many sessions as there may be: each is made, none is lost, and a full table keeps what it has.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use netfwd_common::{limits::SESSIONS_MAX, verdict::DropReason};
use tests::{
    packet::{Ipv4, ether_type, ethernet},
    prog::{
        Hook, Inside, Ran, Sizes, Verdict, World, mac,
        nat::{OUTSIDE, SERVER, from_server},
        slot,
    },
};

/// Stations, and what each has: l4 ports of its own, and l4 ports of the server that it talks to from each.
const STATIONS: u32 = 64;
const PORTS: u32 = 256;
const SERVICES: u32 = SESSIONS_MAX / STATIONS / PORTS;

/// A session by its number.
#[derive(Clone, Copy)]
struct Flow {
    station: u8,
    port: u16,
    service: u16,
}

impl Flow {
    fn new(number: u32) -> Self {
        let (service, endpoint) = (number % SERVICES, number / SERVICES);
        Self {
            station: 11 + (endpoint % STATIONS) as u8,
            port: 40_000 + (endpoint / STATIONS) as u16,
            service: 1000 + service as u16,
        }
    }

    /// The station's packet.
    fn frame(self) -> Vec<u8> {
        let source = format!("10.0.3.{}", self.station);
        let packet = Ipv4::new(&source, SERVER).udp(self.port, self.service, b"query");
        let mac = [2, 0, 0, 0, 0, self.station];
        ethernet(mac::GATEWAY, mac, ether_type::IPV4, &packet)
    }

    fn send(self, world: &mut Inside<'_>, p1: u32) -> Result<Ran> {
        world.run(Hook::PortIngress, p1, &self.frame())
    }
}

/// The l4 port that a translated packet left with.
fn outside_port(ran: &Ran) -> u16 {
    u16::from_be_bytes([ran.frame[34], ran.frame[35]])
}

/// Opens every session; gives the outside ports of one in a thousand.
fn open_all(world: &mut Inside<'_>, p1: u32) -> Result<Vec<(Flow, u16)>> {
    let mut some = Vec::new();
    for number in 0..SESSIONS_MAX {
        let flow = Flow::new(number);
        let ran = flow.send(world, p1)?;
        let verdict = ran.verdict;
        ensure!(verdict == Verdict::Redirect, "{number}: {verdict:?}");
        if number.is_multiple_of(1009) {
            some.push((flow, outside_port(&ran)));
        }
    }
    Ok(some)
}

/// Packets of sessions that are there go through, both ways.
fn go_on(world: &mut Inside<'_>, p1: u32, uplink: u32, some: &[(Flow, u16)]) -> Result<()> {
    for (flow, outside) in some {
        let ran = flow.send(world, p1)?;
        ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
        ensure!(outside_port(&ran) == *outside, "another port");
        let answer = Ipv4::new(SERVER, OUTSIDE).udp(flow.service, *outside, b"answer");
        let ran = world.run(Hook::UplinkIngress, uplink, &from_server(&answer))?;
        ensure!(ran.verdict == Verdict::Redirect, "reply: {:?}", ran.verdict);
        let station = [2, 0, 0, 0, 0, flow.station];
        ensure!(ran.frame[..6] == station, "to another station");
    }
    Ok(())
}

#[test]
fn a_million_sessions_are_made_and_a_full_table_keeps_them() -> Result<()> {
    let mut world = World::of(Sizes {
        sessions: SESSIONS_MAX,
        ..Sizes::default()
    })?;
    let (p1, uplink) = (world.wires.p1, world.wires.uplink);
    let mut config = world.config();
    (config.nat_port_low, config.nat_port_high) = (32_768, 60_999);
    world.tables().set_config(config)?;
    world.verify(Hook::PortIngress)?;
    world.verify(Hook::UplinkIngress)?;
    let opened = world.inside(|world| {
        let start = Instant::now();
        let some = open_all(world, p1)?;
        let seconds = start.elapsed().as_secs_f64();
        println!("{SESSIONS_MAX} sessions in {seconds:.1} s");
        go_on(world, p1, uplink, &some)?;
        anyhow::Ok(some)
    });
    let drops = world.drops()?;
    let some = opened.with_context(|| format!("drops {drops:?}"))?;
    ensure!(drops.is_empty(), "{drops:?}");
    let new = Flow {
        service: 53,
        ..Flow::new(0)
    };
    world.inside(|world| {
        let ran = new.send(world, p1)?;
        ensure!(ran.verdict == Verdict::Shot, "{:?}", ran.verdict);
        go_on(world, p1, uplink, &some)
    })?;
    let refused = [(slot::P1, DropReason::SessionTableFull, 1)];
    ensure!(world.drops()? == refused, "{:?}", world.drops()?);
    Ok(())
}
