//! VXLAN that arrives at a host as from a NIC: XDP frames, injected by the kernel's own test run.

use anyhow::Result;

use super::KERNEL;
use super::hosts::{OUTER, Pair, UPLINK, VTEPS};
use crate::bench::arriving::{self, Arriving};
use crate::bench::frames::{self, Lengths};
use crate::bench::live::LiveFrames;
use crate::bench::measure::Measured;
use crate::bench::path::{Consumer, Path, TALK};
use crate::bench::report::Unit;
use crate::bench::session::{Heading, Session};
use crate::bench::subject::Subject;
use crate::bench::twin::{BY_DEFAULT, Firewall};

/// The ids.
const PLAN: [&str; 2] = ["vxlan/live-stack", "vxlan/live-xdp"];

/// What XDP would reach that looks nothing up and counts nothing.
const BARE: &str = "headers taken off, redirected";

/// Measures and prints, with the containers' stack and with XDP at the end.
pub fn run(session: &Session<'_>) -> Result<()> {
    if !PLAN.iter().any(|id| session.wants(id)) {
        return Ok(());
    }
    let Session { loader, prefix, .. } = *session;
    let labels = ["lx", "lk", "lt", "ld", "lr"];
    let [xdp, kernel, tc, by_default, bare] = labels.map(|label| Pair::create(prefix, label));
    let (xdp, kernel, tc, by_default, bare) = (xdp?, kernel?, tc?, by_default?, bare?);
    let _running = [
        xdp.netfwd(loader, prefix, "native")?,
        tc.netfwd(loader, prefix, "off")?,
    ];
    kernel.kernel(Firewall::Spared)?;
    by_default.kernel(Firewall::Asked)?;
    let _redirects = bare.redirects()?;
    let _stripping = bare.strips()?;
    let named = [
        ("netfwd, XDP on the uplink", &xdp),
        (KERNEL, &kernel),
        (BARE, &bare),
        ("netfwd, TC", &tc),
        (BY_DEFAULT, &by_default),
    ];
    for pair in named.map(|(_, pair)| pair) {
        arriving::take_frames(&pair.hosts[1], UPLINK)?;
    }
    compare(session, Consumer::Stack, &named)?;
    compare(session, Consumer::Xdp, &named[..3])
}

fn compare<'lab>(
    session: &Session<'_>,
    into: Consumer,
    named: &[super::Named<'lab>],
) -> Result<()> {
    let open = |&(name, pair): &super::Named<'lab>| open(into, name, pair);
    let streams = named.iter().map(open).collect::<Result<Vec<_>>>()?;
    let measured: Vec<&dyn Measured> = streams.iter().map(|stream| stream as _).collect();
    let (id, end) = match into {
        Consumer::Stack => (PLAN[0], "the container's stack"),
        Consumer::Xdp => (PLAN[1], "XDP in the container"),
    };
    let heading = Heading {
        id,
        title: &format!("vxlan: 64-byte frames that arrive as XDP frames, into {end}"),
        unit: Unit::FramesPerSecond,
        reference: KERNEL,
    };
    session.compare([heading], &measured)
}

/// Frames that host a's end of the underlay sends to host b, past host a itself.
fn open<'lab>(into: Consumer, name: &'static str, pair: &'lab Pair) -> Result<Arriving<'lab>> {
    let [a, b] = &pair.hosts;
    let [sender, receiver] = &pair.containers;
    let subject = Subject::new(name, &[b]);
    let path = Path::open(into, subject, [sender, receiver], (TALK, Lengths::Shortest))?;
    let [dst, src] = [arriving::mac(b, UPLINK)?, arriving::mac(a, UPLINK)?];
    let frame = [outer(dst, src).as_slice(), &path.frames[0]].concat();
    Ok(Arriving {
        path,
        outside: a,
        interface: UPLINK,
        answers: Vec::new(),
        frames: LiveFrames::load(&frame, &[SOURCE_PORT, INNER_SOURCE_PORT])?,
    })
}

/// Where the low octet of the outer UDP source port is.
const SOURCE_PORT: u16 = 14 + 20 + 1;
/// Where that of the inner one is.
const INNER_SOURCE_PORT: u16 = OUTER as u16 + SOURCE_PORT;

/// The headers of VXLAN from host a to host b, around one of the path's frames.
fn outer(dst: [u8; 6], src: [u8; 6]) -> Vec<u8> {
    const INNER: u16 = frames::SHORTEST as u16;
    let [from, to] = VTEPS.map(|vtep| vtep.parse::<std::net::Ipv4Addr>().expect("an address"));
    let total = (20 + 8 + 8 + INNER).to_be_bytes();
    let mut ip = [
        &[0x45, 0, total[0], total[1], 0, 0, 0x40, 0, 64, 17, 0, 0][..],
        &from.octets(),
        &to.octets(),
    ]
    .concat();
    let check = frames::checksum(&ip);
    ip[10..12].copy_from_slice(&check.to_be_bytes());
    let udp = [50_000_u16, 4789, 8 + 8 + INNER, 0].map(u16::to_be_bytes);
    let vxlan = [0x08, 0, 0, 0, 0, 0, 200, 0];
    [&dst[..], &src, &[0x08, 0], &ip, &udp.concat(), &vxlan].concat()
}
