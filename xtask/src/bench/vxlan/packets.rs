//! Frames from one container to the other.

use anyhow::Result;

use super::hosts::{MTU, Pair};
use super::{KERNEL, Named, subject};
use crate::bench::frames::Lengths;
use crate::bench::measure::Measured;
use crate::bench::path::{Consumer, Path, TALK};
use crate::bench::report::Unit;
use crate::bench::session::{Heading, Session};

/// Measures and prints.
pub fn run(session: &Session<'_>, named: &[Named<'_>]) -> Result<()> {
    let mixed = Heading {
        id: "vxlan/packets-imix",
        title: "vxlan: frames of 64, 594 and 1468 octets, 7:4:1",
        unit: Unit::FramesPerSecond,
        reference: KERNEL,
    };
    compare(session, mixed, named, Lengths::Mixed { mtu: MTU })?;
    let shortest = Heading {
        id: "vxlan/packets-64",
        title: "vxlan: 64-byte frames, container to container across hosts",
        ..mixed
    };
    let xdp = Pair::create(session.prefix, "x")?;
    let _running = xdp.netfwd(session.loader, session.prefix, "native")?;
    let all = [named, &[("netfwd, XDP on the uplinks", &xdp)]].concat();
    compare(session, shortest, &all, Lengths::Shortest)
}

fn compare<'lab>(
    session: &Session<'_>,
    heading: Heading<'_>,
    named: &[Named<'lab>],
    lengths: Lengths,
) -> Result<()> {
    let open = |&(name, pair): &Named<'lab>| {
        let [sender, receiver] = &pair.containers;
        let ends = [sender, receiver];
        Path::open(Consumer::Stack, subject(name, pair), ends, (TALK, lengths))
    };
    let paths = named.iter().map(open).collect::<Result<Vec<_>>>()?;
    let measured: Vec<&dyn Measured> = paths.iter().map(|path| path as _).collect();
    session.compare([heading], &measured)
}
