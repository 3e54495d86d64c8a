//! A container and a server outside, with a host between them that translates: netfwd, and the kernel's
//! bridge, forwarding and nftables.

mod connections;
mod packets;
pub mod place;

use anyhow::Result;

use super::session::Session;
use super::stream::{self, Stream};
use place::{Place, SERVER};

/// What the others are compared with.
const KERNEL: &str = "kernel bridge + nftables";
/// What none can be faster than.
const WIRES: &str = "redirects alone, no NAT";

/// Its steps.
pub const PLAN: &[&str] = &[
    "nat/connections",
    "nat/tcp-1",
    "nat/packets-64-out",
    "nat/packets-64-in",
];

/// The three that are compared.
struct Places {
    ours: Place,
    kernel: Place,
    wires: Place,
}

impl Places {
    fn named(&self) -> [(&'static str, &Place); 3] {
        let Self {
            ours,
            kernel,
            wires,
        } = self;
        [("netfwd", ours), (KERNEL, kernel), (WIRES, wires)]
    }
}

/// Measures and prints.
pub fn run(session: &Session<'_>) -> Result<()> {
    let Session { loader, prefix, .. } = *session;
    let places = Places {
        ours: Place::create(prefix, "n")?,
        kernel: Place::create(prefix, "k")?,
        wires: Place::create(prefix, "w")?,
    };
    let _running = places.ours.netfwd(loader, prefix)?;
    places.kernel.kernel()?;
    places.wires.redirects()?;
    connections::run(session, &places)?;
    bulk(session, &places)?;
    packets::run(session, &places)
}

fn bulk(session: &Session<'_>, places: &Places) -> Result<()> {
    let streams = places.named().map(|(name, place)| Stream {
        name,
        from: &place.client,
        to: &place.server,
        address: SERVER,
    });
    stream::compare(session, "nat", &streams, KERNEL)
}
