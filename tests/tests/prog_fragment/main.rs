//! Fragments of translated flows, one at a time.

mod order;
mod refused;
mod underlay;
mod v6;

use anyhow::{Result, ensure};
use netfwd_common::verdict::DropReason;
use tests::{
    packet::{Ipv4, pieces},
    prog::{
        Hook, Verdict, World, mac,
        nat::{SERVER, c1_to_server},
        slot, station,
    },
};

/// A station, and its l4 port, which is the one that is seen.
const C1: &str = "10.0.3.11";

/// A world where c1 is known.
fn world() -> Result<World> {
    let mut world = World::new()?;
    world.learn(mac::C1, station(world.wires.p1, slot::P1))?;
    Ok(world)
}

/// A header of c1's for a datagram with this id.
fn from_c1(id: u16) -> Ipv4 {
    Ipv4 {
        id,
        fragment: 0,
        ..c1_to_server()
    }
}

/// A header as it is after one hop.
fn hop(src: &str, dst: &str, id: u16) -> Ipv4 {
    Ipv4 {
        ttl: 63,
        ..header(src, dst, id)
    }
}

fn header(src: &str, dst: &str, id: u16) -> Ipv4 {
    Ipv4 {
        id,
        fragment: 0,
        ..Ipv4::new(src, dst)
    }
}

/// Octets that no two pieces have alike.
fn payload(octets: usize) -> Vec<u8> {
    (0..octets).map(|at| (at / 7) as u8).collect()
}

/// Where a frame comes by.
#[derive(Clone, Copy)]
enum At {
    P1,
    Uplink,
    Leaving,
}

impl At {
    fn run(self, world: &mut World, frame: &[u8]) -> Result<tests::prog::Ran> {
        let (hook, ifindex) = match self {
            Self::P1 => (Hook::PortIngress, world.wires.p1),
            Self::Uplink => (Hook::UplinkIngress, world.wires.uplink),
            Self::Leaving => (Hook::UplinkEgress, world.wires.uplink),
        };
        world.run(hook, ifindex, frame)
    }

    /// A frame comes by, and is exactly this one then.
    fn becomes(self, world: &mut World, frame: &[u8], expected: &[u8]) -> Result<()> {
        let verdict = match self {
            Self::Leaving => Verdict::Pass,
            _ => Verdict::Redirect,
        };
        let ran = self.run(world, frame)?;
        let drops = world.drops()?;
        ensure!(ran.verdict == verdict, "{:?}; {drops:?}", ran.verdict);
        ensure!(
            ran.frame == expected,
            "{:02x?}\nis not\n{expected:02x?}",
            ran.frame
        );
        Ok(())
    }

    /// A frame comes by, and is kept.
    fn waits(self, world: &mut World, frame: &[u8]) -> Result<()> {
        let ran = self.run(world, frame)?;
        let drops = world.drops()?;
        ensure!(
            ran.verdict == Verdict::Shot && drops.is_empty(),
            "{:?}; {drops:?}",
            ran.verdict
        );
        Ok(())
    }

    /// A frame comes by, and is dropped for this reason alone.
    fn drops(self, world: &mut World, frame: &[u8], reason: DropReason) -> Result<()> {
        world.tables().clear_drops()?;
        let ran = self.run(world, frame)?;
        let drops = world.drops()?;
        let slot = match self {
            Self::P1 => slot::P1,
            _ => slot::UPLINK,
        };
        ensure!(
            ran.verdict == Verdict::Shot && drops == [(slot, reason, 1)],
            "{:?}; {drops:?}",
            ran.verdict
        );
        Ok(())
    }
}

/// A query of c1's in pieces of 104 octets.
fn query(id: u16, octets: usize) -> Vec<Vec<u8>> {
    let ip = from_c1(id);
    let whole = ip.udp(tests::prog::nat::PORT, 53, &payload(octets));
    pieces(ip, &whole, 104)
}

/// The same as it leaves.
fn seen(id: u16, octets: usize) -> Vec<Vec<u8>> {
    let ip = hop(tests::prog::nat::OUTSIDE, SERVER, id);
    let whole = ip.udp(tests::prog::nat::PORT, 53, &payload(octets));
    pieces(ip, &whole, 104)
}
