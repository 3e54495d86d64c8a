//! Packets and sessions of a world's NAT, for its fixtures.

use anyhow::{Context, Result, ensure};
use netfwd_common::maps::{Session, SessionFlags, SessionKey};

use super::{
    Fixture, Hook, Verdict, World,
    mac::{self, C1},
};
use crate::packet::{Ipv4, ether_type, ethernet};

/// The server outside.
pub const SERVER: &str = "192.168.99.100";
/// This host outside, which masquerade translates to.
pub const OUTSIDE: &str = "192.168.99.1";
/// The one l4 port that masquerade may use, unless a test gives it others.
pub const PORT: u16 = 40_000;

/// A packet of c1 to its gateway's MAC.
pub fn out(packet: &[u8]) -> Vec<u8> {
    ethernet(mac::GATEWAY, C1, ether_type::IPV4, packet)
}

/// A packet on the wire to the server.
pub fn outside(packet: &[u8]) -> Vec<u8> {
    ethernet(mac::SERVER, mac::UPLINK, ether_type::IPV4, packet)
}

/// A packet of the server to this host.
pub fn from_server(packet: &[u8]) -> Vec<u8> {
    ethernet(mac::UPLINK, mac::SERVER, ether_type::IPV4, packet)
}

/// A packet of the gateway to c1.
pub fn to_c1(packet: &[u8]) -> Vec<u8> {
    ethernet(C1, mac::GATEWAY, ether_type::IPV4, packet)
}

/// A header from c1 to the server.
pub fn c1_to_server() -> Ipv4 {
    Ipv4::new("10.0.3.11", SERVER)
}

/// A header as it is after one hop.
pub fn routed(src: &str, dst: &str) -> Ipv4 {
    Ipv4 {
        ttl: 63,
        ..Ipv4::new(src, dst)
    }
}

/// A frame of c1 that arrives on its port.
pub fn at_p1(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::PortIngress, |world| world.wires.p1, frame)
}

/// A frame that arrives from outside.
pub fn at_uplink(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(
        shows,
        Hook::UplinkIngress,
        |world| world.wires.uplink,
        frame,
    )
}

/// A frame that the host's stack sends outside.
pub fn leaving(shows: &'static str, frame: Vec<u8>) -> Fixture {
    Fixture::new(shows, Hook::UplinkEgress, |world| world.wires.uplink, frame)
}

/// Sends a frame of c1's that is to be translated or delivered.
pub fn send(world: &mut World, frame: &[u8]) -> Result<()> {
    let p1 = world.wires.p1;
    let ran = world.run(Hook::PortIngress, p1, frame)?;
    ensure!(ran.verdict == Verdict::Redirect, "{:?}", ran.verdict);
    Ok(())
}

/// An error unless there is one session, of both directions, each the other's opposite.
pub fn one_session(world: &mut World) -> Result<[(SessionKey, Session); 2]> {
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

/// An error unless there is no session.
pub fn no_session(world: &mut World) -> Result<()> {
    let sessions = world.sessions()?;
    ensure!(sessions.is_empty(), "{sessions:#?}");
    Ok(())
}

/// The direction that made the session.
pub fn original(world: &mut World) -> Result<(SessionKey, Session)> {
    let sessions = one_session(world)?;
    let found = sessions
        .into_iter()
        .find(|(_, session)| session.flags.has(SessionFlags::ORIGINAL));
    found.context("no direction is the original")
}
