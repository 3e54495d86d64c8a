//! ICMP errors about translated packets, one at a time.

mod expired;
mod inside;
mod outside;
mod v6;

use anyhow::Result;
use netfwd_common::{maps::SessionFlags, nat::proto};
use tests::{
    packet::Ipv4,
    prog::{Expect, Fixture, Translated, Verdict, World, mac, slot, station},
};

/// A station.
const C1: &str = "10.0.3.11";
/// A router outside.
const ROUTER: &str = "192.168.99.7";
/// The station's l4 port or identifier, and what is seen of it.
const INSIDE_PORT: u16 = 4000;
const SEEN_PORT: u16 = 40_000;

/// c1 asks the server.
const UDP: Translated = Translated {
    proto: proto::UDP,
    inside: "10.0.3.11:4000",
    outside: "192.168.99.1:40000",
    remote: "192.168.99.100:53",
    station: mac::C1,
    flags: SessionFlags { bits: 0 },
};

/// c1 is known, and has a session for each protocol.
fn given(world: &mut World) -> Result<()> {
    world.learn(mac::C1, station(world.wires.p1, slot::P1))?;
    world.translate(&UDP)?;
    world.translate(&Translated {
        proto: proto::TCP,
        remote: "192.168.99.100:80",
        ..UDP
    })?;
    world.translate(&Translated {
        proto: proto::ICMP,
        remote: "192.168.99.100:0",
        ..UDP
    })
}

/// An ICMP error that quotes a packet.
fn error(ip: Ipv4, kind: u8, code: u8, quote: &[u8]) -> Vec<u8> {
    ip.icmp(kind, code, &[&[0; 4], quote].concat())
}

/// It goes to the host's stack as it came.
fn passes(fixture: Fixture) -> Fixture {
    let frame = fixture.frame.clone();
    fixture
        .given(given)
        .expect(Expect::verdict(Verdict::Pass).frame(frame))
}
