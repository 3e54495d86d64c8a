//! Frames through sessions that stand, out of the network and into it.

use std::net::SocketAddrV4;

use anyhow::Result;

use super::place::{CLIENT, HOST, HOST_MAC, PUBLISHED, SERVER, TARGET};
use super::{KERNEL, MTU, Named, subject};
use crate::bench::frames::{Lengths, Talk};
use crate::bench::measure::Measured;
use crate::bench::path::{Consumer, MACS, Path};
use crate::bench::report::Unit;
use crate::bench::session::{Heading, Session};

/// What the server sends to the published port.
pub const IN: Talk = Talk {
    macs: [HOST_MAC, MACS[1]],
    from: SERVER,
    to: SocketAddrV4::new(HOST, PUBLISHED),
};

/// What the container sends to the server.
const OUT: Talk = Talk {
    macs: [HOST_MAC, MACS[0]],
    from: CLIENT,
    to: SocketAddrV4::new(SERVER, TARGET),
};

/// Measures and prints.
pub fn run(session: &Session<'_>, named: &[Named<'_>]) -> Result<()> {
    let short = Lengths::Shortest;
    let mixed = Lengths::Mixed { mtu: MTU };
    compare(session, &OUTGOING, named, (OUT, short))?;
    compare(session, &MIXED, named, (OUT, mixed))?;
    compare(session, &INCOMING, named, (IN, short))
}

const OUTGOING: [&str; 2] = ["nat/packets-64-out", "nat: 64-byte frames, masqueraded"];
const MIXED: [&str; 2] = [
    "nat/packets-imix-out",
    "nat: frames of 64, 594 and 1518 octets, 7:4:1, masqueraded",
];
const INCOMING: [&str; 2] = [
    "nat/packets-64-in",
    "nat: 64-byte frames to a published port",
];

fn compare<'lab>(
    session: &Session<'_>,
    [id, title]: &[&str; 2],
    named: &[Named<'lab>],
    (talk, lengths): (Talk, Lengths),
) -> Result<()> {
    let open = |&(name, place): &Named<'lab>| {
        let mut ends = [&place.client, &place.server];
        if talk == IN {
            ends.reverse();
        }
        Path::open(Consumer::Stack, subject(name, place), ends, (talk, lengths))
    };
    let paths = named.iter().map(open).collect::<Result<Vec<_>>>()?;
    let measured: Vec<&dyn Measured> = paths.iter().map(|path| path as _).collect();
    let heading = Heading {
        id,
        title,
        unit: Unit::FramesPerSecond,
        reference: KERNEL,
    };
    session.compare([heading], &measured)
}
