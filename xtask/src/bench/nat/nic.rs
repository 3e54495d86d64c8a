//! Packets of sessions that stand, arriving at the host from outside as from a NIC: XDP frames, injected
//! by the kernel's own test run.

use std::net::SocketAddrV4;

use anyhow::Result;

use super::place::{CLIENT, HOST_MAC, Place, TARGET, UPLINK};
use super::{KERNEL, Named, packets, subject};
use crate::bench::arrivals::INTERFACE;
use crate::bench::arriving::{self, Arriving};
use crate::bench::frames::{Lengths, Talk};
use crate::bench::live::LiveFrames;
use crate::bench::measure::Measured;
use crate::bench::path::{Consumer, MACS, Path};
use crate::bench::report::Unit;
use crate::bench::session::{Heading, Session};
use crate::bench::twin::{BY_DEFAULT, Firewall};

/// Where the low octet of the UDP source port is.
const SOURCE_PORT: u16 = 14 + 20 + 1;

/// The ids.
const PLAN: [&str; 2] = ["nat/live-stack", "nat/live-xdp"];

/// Measures and prints, with the container's stack and with XDP at the end.
pub fn run(session: &Session<'_>) -> Result<()> {
    if !PLAN.iter().any(|id| session.wants(id)) {
        return Ok(());
    }
    let Session { loader, prefix, .. } = *session;
    let labels = ["lx", "lk", "lt", "ld"];
    let [xdp, kernel, tc, by_default] = labels.map(|label| Place::create(prefix, label));
    let (xdp, kernel, tc, by_default) = (xdp?, kernel?, tc?, by_default?);
    let _running = [
        xdp.netfwd(loader, prefix, "native")?,
        tc.netfwd(loader, prefix, "off")?,
    ];
    kernel.kernel(Firewall::Spared)?;
    by_default.kernel(Firewall::Asked)?;
    let named = [
        ("netfwd, XDP on the uplink", &xdp),
        (KERNEL, &kernel),
        ("netfwd, TC", &tc),
        (BY_DEFAULT, &by_default),
    ];
    for (_, place) in named {
        arriving::take_frames(&place.host, UPLINK)?;
    }
    compare(session, Consumer::Stack, &named)?;
    compare(session, Consumer::Xdp, &named[..2])
}

fn compare<'lab>(session: &Session<'_>, into: Consumer, named: &[Named<'lab>]) -> Result<()> {
    let open = |&(name, place): &Named<'lab>| open(into, name, place);
    let streams = named.iter().map(open).collect::<Result<Vec<_>>>()?;
    let measured: Vec<&dyn Measured> = streams.iter().map(|stream| stream as _).collect();
    let (id, end) = match into {
        Consumer::Stack => (PLAN[0], "the container's stack"),
        Consumer::Xdp => (PLAN[1], "XDP in the container"),
    };
    let heading = Heading {
        id,
        title: &format!("nat: 64-byte frames that arrive as XDP frames, into {end}"),
        unit: Unit::FramesPerSecond,
        reference: KERNEL,
    };
    session.compare([heading], &measured)
}

/// Packets from the server to the published port, of sessions that both ends have sent in.
fn open<'lab>(into: Consumer, name: &'static str, place: &'lab Place) -> Result<Arriving<'lab>> {
    let (talk, lengths) = (packets::IN, Lengths::Shortest);
    let subject = subject(name, place);
    let path = Path::open(
        into,
        subject,
        [&place.server, &place.client],
        (talk, lengths),
    )?;
    let inside = Talk {
        to: SocketAddrV4::new(CLIENT, TARGET),
        ..talk
    };
    let answers = 0..lengths.flows();
    Ok(Arriving {
        answers: answers
            .map(|flow| inside.answer([HOST_MAC, MACS[0]], flow))
            .collect(),
        frames: LiveFrames::load(&path.frames[0], &[SOURCE_PORT])?,
        path,
        outside: &place.server,
        interface: INTERFACE,
    })
}
